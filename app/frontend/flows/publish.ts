/** Before callers hear it: what changes, in words and in the text, what is wrong, whether the test calls pass, and a message for whoever reads the history. */
import { h, icon } from "../lib/dom.ts";
import { Refusal } from "../lib/http.ts";
import { t } from "../lib/texts.ts";
import { toast } from "../lib/toast.ts";
import type { FlowApi } from "./api.ts";
import { ask, field } from "./dialogs.ts";
import type { DraftKeeper } from "./draft.ts";
import { drawDiff } from "./panels/changes.ts";
import { drawResult } from "./panels/tests.ts";
import type { Checked, Fault, Tested } from "./types.ts";

/** Where the faults of a refusal lead. */
interface Places {
  goTo: (fault: Fault) => void;
  titleOf: (id: string) => string;
}

interface Needs extends Places {
  api: FlowApi;
  keeper: DraftKeeper;
  checked: () => Promise<Checked>;
}

/** True when it is live. */
export async function publish(needs: Needs): Promise<boolean> {
  const { api, keeper, checked } = needs;
  try {
    const rev = await keeper.settled();
    const { faults } = await checked();
    const errors = faults.filter((fault) => fault.severity === "error");
    if (errors.length) return refused(needs, errors, null);
    const [diff, tested] = await Promise.all([api.diff("live", "draft").catch(() => ({ changes: [], text: "" })), api.test(keeper.seen.text).catch(() => null)]);
    if (tested?.failed) return refused(needs, [], tested);
    const message = h("input", { type: "text", maxlength: 500, autofocus: true, autocomplete: "off", value: diff.changes.length === 1 ? (diff.changes[0]?.words ?? "") : "" });
    const sure = await ask({
      title: t("Publish"),
      body: [
        h("div", { class: "publish-facts" }, testFact(tested), warningFact(faults)),
        field(t("What changed, and why"), message, t("Stands in the history beside your name.")),
        h("div", { class: "dialog-scroll" }, drawDiff(diff, null)),
        h("p", { class: "faint tiny" }, t("New calls get it at once; calls in progress finish on their version. One press in History takes it back.")),
      ],
      confirm: diff.changes.length > 1 ? t("Publish {n} changes", { n: diff.changes.length }) : t("Publish"),
      wide: true,
    });
    if (!sure) return false;
    await api.publish(message.value.trim(), rev);
    toast(t("It is live."));
    return true;
  } catch (error) {
    return failed(needs, error);
  }
}

function testFact(tested: Tested | null): HTMLElement {
  if (!tested) return h("span", { class: "state is-busy" }, icon("alert-triangle"), t("The test calls could not be played"));
  if (!tested.results.length) return h("span", { class: "state is-away" }, icon("test-pipe"), t("No test calls"));
  return h("span", { class: "state is-ready" }, icon("circle-check"), t("All {n} test calls pass", { n: tested.results.length }));
}

function warningFact(faults: Fault[]): HTMLElement | null {
  if (!faults.length) return h("span", { class: "state is-ready" }, icon("circle-check"), t("No problems"));
  const details = h("details", {}, h("summary", { class: "state is-busy" }, icon("alert-triangle"), t("{n} warnings", { n: faults.length })), h("ul", { class: "small" }, ...faults.map((fault) => h("li", {}, fault.message))));
  return details;
}

function failed(needs: Needs, error: unknown): boolean | Promise<boolean> {
  void needs.keeper.look();
  return notReady(needs, error);
}

/** Why the server would not let callers meet the draft: what is wrong with it, or the words of any other refusal. */
export async function notReady(places: Places, error: unknown): Promise<false> {
  if (error instanceof Refusal && error.status === 422) {
    const body = error.body as { faults?: Fault[]; tests?: Tested };
    return refused(places, (body.faults ?? []).filter((fault) => fault.severity === "error"), body.tests ?? null);
  }
  toast((error as Error).message, { error: true });
  return false;
}

/** What keeps it from going live. */
async function refused({ goTo, titleOf }: Places, errors: Fault[], tested: Tested | null): Promise<false> {
  const failing = tested?.results.filter((result) => !result.passed) ?? [];
  const first = errors[0];
  const sure = await ask({
    title: t("This cannot go live yet"),
    body: [
      h("p", { class: "muted small" }, errors.length ? t("Mend these first; callers keep hearing what is live.") : t("These test calls fail; callers keep hearing what is live. Mend the flow, or the test call if it proves something old.")),
      h("div", { class: "dialog-scroll" }, h("ul", { class: "faults" }, ...errors.map((fault) => h("li", { class: "fault" }, h("span", { class: "fault-words" }, fault.message), h("span", { class: "faint tiny" }, [fault.node && titleOf(fault.node), t("line {n}", { n: fault.line })].filter(Boolean).join(" · "))))), ...failing.map(drawResult)),
    ],
    confirm: first ? t("Show the first") : t("Back to the draft"),
    wide: true,
  });
  if (sure && first) goTo(first);
  return false;
}

/** Every version that was live, by whom, when and why; one press takes an earlier one back. */
import { h, icon } from "../../lib/dom.ts";
import { exactly, when } from "../../lib/format.ts";
import { mark, t } from "../../lib/texts.ts";
import { toast } from "../../lib/toast.ts";
import type { FlowApi } from "../api.ts";
import { ask, field } from "../dialogs.ts";
import { drawDiff } from "./changes.ts";
import type { Panel } from "../strip.ts";
import type { Version } from "../types.ts";

const SOURCES: Record<string, string> = {
  page: mark("Published here"),
  file: mark("From the file"),
  rollback: mark("Taken back"),
  canary: mark("On trial"),
};

export class History implements Panel {
  readonly name = "history";
  readonly label = t("History");
  readonly element = h("section", { class: "history" });
  private readonly api: FlowApi;
  private readonly rolledBack: () => void;
  private readonly compare: (from: string, to: string, heading: string) => void;

  constructor(api: FlowApi, rolledBack: () => void, compare: (from: string, to: string, heading: string) => void) {
    this.api = api;
    this.rolledBack = rolledBack;
    this.compare = compare;
  }

  opened(): void {
    void this.load();
  }

  async load(): Promise<void> {
    try {
      const { versions } = await this.api.versions();
      if (!versions.length) this.element.replaceChildren(h("p", { class: "strip-empty" }, t("Nothing was published yet.")));
      else this.element.replaceChildren(h("ol", { class: "versions" }, ...versions.map((version, at) => this.row(version, versions[at + 1]))));
    } catch (error) {
      this.element.replaceChildren(h("p", { class: "strip-empty" }, (error as Error).message));
    }
  }

  private row(version: Version, before: Version | undefined): HTMLElement {
    const source = SOURCES[version.source];
    const heading = t("What {version} changed", { version: version.version.slice(0, 7) });
    return h(
      "li",
      { class: version.live ? "version is-live" : "version" },
      h("span", { class: "version-dot", "aria-hidden": "true" }),
      h("div", { class: "grow" },
        h("p", { class: "version-words" }, h("span", {}, version.message || t("No message")), version.live ? h("span", { class: "state state-pill is-ready" }, icon("circle-check"), t("Live")) : null, version.canary ? h("span", { class: "state state-pill is-wrap" }, icon("flask"), t("On trial")) : null),
        h("p", { class: "faint tiny" }, [version.author, source ? t(source) : version.source].filter(Boolean).join(" · "), " · ", h("time", { datetime: version.at, title: exactly(version.at) }, when(version.at)), " · ", h("code", {}, version.version.slice(0, 7)))),
      before ? h("button", { type: "button", class: "btn btn-quiet btn-small", onclick: () => this.compare(before.version, version.version, heading) }, t("What changed")) : null,
      version.live || version.canary ? null : h("button", { type: "button", class: "btn btn-small", onclick: () => void this.rollBack(version) }, icon("arrow-back-up"), t("Take back to this"), h("span", { class: "sr-only" }, ` ${version.message || version.version.slice(0, 7)}`)),
    );
  }

  private async rollBack(version: Version): Promise<void> {
    const message = h("input", { type: "text", maxlength: 500, value: t("Back to: {message}", { message: version.message || version.version.slice(0, 7) }) });
    const shown = h("div", { class: "dialog-scroll" }, h("p", { class: "muted small" }, t("Comparing…")));
    void this.api.diff("live", version.version).then((diff) => shown.replaceChildren(drawDiff(diff, null)), (error: Error) => shown.replaceChildren(h("p", { class: "muted small" }, error.message)));
    const sure = await ask({
      title: t("Take the flow back"),
      body: [h("p", { class: "muted small" }, t("New calls get this version at once; calls in progress finish on theirs. Your draft stays.")), field(t("Message"), message), shown],
      confirm: t("Take back"),
      wide: true,
    });
    if (!sure) return;
    try {
      await this.api.rollback(version.version, message.value);
      toast(t("Callers meet that version again."));
      this.rolledBack();
      await this.load();
    } catch (error) {
      toast((error as Error).message, { error: true });
    }
  }
}

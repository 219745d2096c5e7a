/** A trial: some calls go to the draft. How both sides end stands side by side; then it goes live for all, or it stops. */
import { h, icon } from "../../lib/dom.ts";
import { toE164, phoneNumber, when } from "../../lib/format.ts";
import { mark, t } from "../../lib/texts.ts";
import { toast } from "../../lib/toast.ts";
import type { FlowApi } from "../api.ts";
import { field } from "../dialogs.ts";
import type { Panel } from "../strip.ts";
import type { Canary, CanarySide } from "../types.ts";

const OUTCOMES: Record<string, string> = {
  answered: mark("Talked to a person"),
  contained: mark("Helped by the menu"),
  voicemail: mark("Left a message"),
  abandoned: mark("Gave up waiting"),
  callback: mark("Will be called back"),
  hung_up: mark("Hung up in the menu"),
  going_on: mark("Going on now"),
  no_match: mark("Not understood"),
  no_input: mark("No answer"),
};

const LOOK_EVERY_MS = 5_000;

export class Trial implements Panel {
  readonly name = "trial";
  readonly label = t("Trial");
  readonly element = h("section", { class: "trial" });
  private readonly api: FlowApi;
  private readonly settled: () => Promise<unknown>;
  private readonly changed: () => void;
  private readonly refused: (error: unknown) => void;
  private timer = 0;

  constructor(api: FlowApi, settled: () => Promise<unknown>, changed: () => void, refused: (error: unknown) => void) {
    this.api = api;
    this.settled = settled;
    this.changed = changed;
    this.refused = refused;
  }

  opened(): void {
    void this.load();
    this.timer = window.setInterval(() => void this.load(true), LOOK_EVERY_MS);
  }

  closed(): void {
    clearInterval(this.timer);
  }

  private async load(quiet = false): Promise<void> {
    try {
      const canary = await this.api.canary();
      if (canary.running) this.drawRunning(canary);
      else if (!quiet) this.drawStart(canary);
    } catch (error) {
      if (!quiet) this.element.replaceChildren(h("p", { class: "strip-empty" }, (error as Error).message));
    }
  }

  private drawStart(canary: Canary): void {
    const percent = h("input", { type: "number", class: "form-control num", min: 0, max: 100, step: 1, value: canary.percent || 10 });
    const numbers = h("input", { type: "text", value: (canary.numbers ?? []).join(", "), placeholder: "+15550102030, …" });
    const start = h("button", { type: "submit", class: "btn" }, icon("flask"), t("Start the trial"));
    const form = h(
      "form",
      { class: "trial-start" },
      h("p", { class: "muted small" }, t("Let a few calls meet the draft before all do. The draft must be free of errors and its test calls must pass.")),
      h("div", { class: "trial-fields" }, field(t("Share of calls, in percent"), percent), field(t("And always for these callers"), numbers, t("Phone numbers with commas between; 0 percent tries it on these alone."))),
      start,
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const given = numbers.value.split(",").map((each) => each.trim()).filter(Boolean);
      const bad = given.find((each) => !toE164(each));
      if (bad) return toast(t("{number} is no phone number. Start it with + and the country.", { number: bad }), { error: true });
      void this.act(async () => {
        await this.settled();
        await this.api.startCanary(Number(percent.value), given.map((each) => toE164(each) ?? each));
      }, t("The trial runs."));
    });
    this.element.replaceChildren(form);
  }

  private drawRunning(canary: Canary): void {
    const names = [...new Set([...Object.keys(canary.live.outcomes), ...Object.keys(canary.canary.outcomes)])];
    const cell = (side: CanarySide, name: string): HTMLElement => {
      const count = side.outcomes[name] ?? 0;
      const share = side.calls ? Math.round((count / side.calls) * 100) : 0;
      return h("td", { class: "num" }, h("span", { class: "bar-cell" }, h("meter", { min: 0, max: 100, value: share, "aria-label": t("{share} of calls", { share: `${share} %` }) }), h("span", {}, side.calls ? `${share} % (${count})` : "-")));
    };
    const whole = (side: CanarySide): HTMLElement => h("td", { class: "num" }, String(side.calls));
    const contained = (side: CanarySide): HTMLElement => h("td", { class: "num" }, side.containment === null || side.containment === undefined ? "-" : `${Math.round(side.containment * 100)} %`);
    const who = canary.numbers.length ? t("{share} of calls and {numbers}", { share: `${canary.percent} %`, numbers: canary.numbers.map(phoneNumber).join(", ") }) : t("{share} of calls", { share: `${canary.percent} %` });
    this.element.replaceChildren(
      h(
        "div",
        { class: "panel-bar" },
        h("span", { class: "state is-wrap" }, icon("flask"), t("On trial")),
        h("span", { class: "small" }, who),
        canary.since ? h("span", { class: "faint tiny" }, t("since {time}", { time: when(canary.since) })) : null,
        h("span", { class: "grow" }),
        h("button", { type: "button", class: "btn btn-small", onclick: () => void this.act(() => this.api.stopCanary(), t("The trial is over; everybody meets the live version.")) }, icon("x"), t("Stop the trial")),
        h("button", { type: "button", class: "btn btn-small", onclick: () => void this.act(() => this.api.promote(), t("It is live for everybody now.")) }, icon("rocket"), t("Make it live for all")),
      ),
      h(
        "table",
        { class: "table-quiet" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("How calls end")), h("th", { scope: "col", class: "num" }, t("Live")), h("th", { scope: "col", class: "num" }, t("On trial")))),
        h(
          "tbody",
          {},
          h("tr", {}, h("th", { scope: "row" }, t("Calls")), whole(canary.live), whole(canary.canary)),
          ...names.map((name) => h("tr", {}, h("th", { scope: "row" }, OUTCOMES[name] ? t(OUTCOMES[name]) : name), cell(canary.live, name), cell(canary.canary, name))),
          h("tr", {}, h("th", { scope: "row" }, t("Helped without a person")), contained(canary.live), contained(canary.canary)),
        ),
      ),
    );
  }

  private async act(deed: () => Promise<unknown>, done: string): Promise<void> {
    try {
      await deed();
      toast(done);
      this.changed();
    } catch (error) {
      this.refused(error);
    }
    await this.load();
  }
}

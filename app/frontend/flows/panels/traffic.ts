/** Where callers went and left over a chosen period: counts on the picture's ways, drop-off and misunderstandings for each step. */
import { h } from "../../lib/dom.ts";
import { Emitter } from "../../lib/emitter.ts";
import { t } from "../../lib/texts.ts";
import type { FlowApi } from "../api.ts";
import { field, select } from "../dialogs.ts";
import type { Panel } from "../strip.ts";
import type { Traffic } from "../types.ts";

const DAY_MS = 86_400_000;

export class TrafficView implements Panel {
  readonly name = "traffic";
  readonly label = t("Traffic");
  readonly element = h("section", { class: "traffic" });
  readonly loaded = new Emitter<Traffic | null>();
  private readonly api: FlowApi;
  private readonly titleOf: (id: string) => string;
  private readonly go: (id: string) => void;
  private readonly period = select([["1", t("Last 24 hours")], ["7", t("Last 7 days")], ["30", t("Last 30 days")], ["own", t("Own period")]], "7");
  private readonly from = h("input", { type: "date", class: "form-control", "aria-label": t("From") });
  private readonly to = h("input", { type: "date", class: "form-control", "aria-label": t("Until") });
  private readonly body = h("div", {});
  private asked = 0;

  constructor(api: FlowApi, titleOf: (id: string) => string, go: (id: string) => void) {
    this.api = api;
    this.titleOf = titleOf;
    this.go = go;
    const own = h("span", { class: "traffic-dates", hidden: true }, this.from, "–", this.to);
    this.to.value = day(new Date());
    this.from.value = day(new Date(Date.now() - 7 * DAY_MS));
    this.period.addEventListener("change", () => {
      own.hidden = this.period.value !== "own";
      void this.load();
    });
    for (const input of [this.from, this.to]) input.addEventListener("change", () => void this.load());
    this.element.append(h("div", { class: "panel-bar" }, field(t("Period"), this.period), own), this.body);
  }

  opened(): void {
    void this.load();
  }

  closed(): void {
    this.loaded.emit(null);
  }

  private range(): [string, string] {
    if (this.period.value !== "own") return [new Date(Date.now() - Number(this.period.value) * DAY_MS).toISOString(), new Date().toISOString()];
    const end = new Date(`${this.to.value}T00:00`);
    end.setDate(end.getDate() + 1);
    return [new Date(`${this.from.value}T00:00`).toISOString(), end.toISOString()];
  }

  /** Draw the period; an answer that a later question overtook is dropped. */
  private async load(): Promise<void> {
    const asked = ++this.asked;
    const [traffic, error] = await this.api.traffic(...this.range()).then((found) => [found, null] as const, (failed: Error) => [null, failed] as const);
    if (asked !== this.asked) return;
    if (traffic) this.draw(traffic);
    else this.body.replaceChildren(h("p", { class: "strip-empty" }, error.message));
    this.loaded.emit(traffic);
  }

  private draw(traffic: Traffic): void {
    if (!traffic.calls) {
      this.body.replaceChildren(h("p", { class: "strip-empty" }, t("No call met this flow in that time.")));
      return;
    }
    const steps = [...traffic.nodes].sort((one, other) => other.hung_up - one.hung_up || other.no_match - one.no_match || other.entered - one.entered);
    const share = (part: number, whole: number): string => (whole && part ? `${Math.round((part / whole) * 100)} %` : "-");
    const total = (what: "hung_up" | "no_match" | "answers"): number => steps.reduce((sum, step) => sum + step[what], 0);
    const gauge = (label: string, value: string): HTMLElement => h("div", { class: "gauge" }, h("span", { class: "gauge-value num" }, value), h("span", { class: "faint tiny" }, label));
    this.body.replaceChildren(
      h("div", { class: "gauges" }, gauge(t("calls"), String(traffic.calls)), gauge(t("helped without a person"), traffic.containment === null ? "-" : `${Math.round(traffic.containment * 100)} %`), gauge(t("hung up in the flow"), share(total("hung_up"), traffic.calls)), gauge(t("answers not understood"), share(total("no_match"), total("no_match") + total("answers")))),
      h(
        "table",
        { class: "table-quiet traffic-table" },
        h("thead", {}, h("tr", {}, ...[t("Step"), t("Calls"), t("Hung up here"), t("No answer"), t("Not understood")].map((head, at) => h("th", { scope: "col", class: at ? "num" : "" }, head)))),
        h(
          "tbody",
          {},
          ...steps.map((step) =>
            h("tr", {}, h("th", { scope: "row" }, h("button", { type: "button", class: "link", onclick: () => this.go(step.id) }, this.titleOf(step.id))), h("td", { class: "num" }, String(step.entered)), h("td", { class: "num" }, share(step.hung_up, step.entered)), h("td", { class: "num" }, share(step.no_input, step.answers + step.no_match + step.no_input)), h("td", { class: "num" }, share(step.no_match, step.answers + step.no_match))),
          ),
        ),
      ),
    );
  }
}

function day(date: Date): string {
  return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`;
}

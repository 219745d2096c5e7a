/** The saved test calls: which pass, why one does not, and what none of them reaches. */
import { h, icon } from "../../lib/dom.ts";
import { Emitter } from "../../lib/emitter.ts";
import { Refusal } from "../../lib/http.ts";
import { t } from "../../lib/texts.ts";
import type { FlowApi } from "../api.ts";
import type { Panel } from "../strip.ts";
import type { ScenarioResult, Tested } from "../types.ts";

export class Tests implements Panel {
  readonly name = "tests";
  readonly label = t("Test calls");
  readonly element = h("section", { class: "tests" });
  readonly done = new Emitter<Tested | null>();
  private readonly api: FlowApi;
  private readonly text: () => string;
  private testedText: string | null = null;
  private readonly run = h("button", { type: "button", class: "btn btn-small", onclick: () => void this.play() }, icon("player-play"), t("Run the test calls"));
  private readonly results = h("div", { class: "tests-results", "aria-live": "polite" });

  constructor(api: FlowApi, text: () => string) {
    this.api = api;
    this.text = text;
    this.element.append(h("div", { class: "panel-bar" }, this.run, h("p", { class: "faint tiny" }, t("They run by themselves before a flow is published. The simulator saves new ones."))), this.results);
  }

  opened(): void {
    if (this.testedText !== this.text()) void this.play();
  }

  closed(): void {
    this.done.emit(null);
  }

  async play(): Promise<void> {
    this.run.disabled = true;
    const text = this.text();
    try {
      const tested = await this.api.test(text);
      this.testedText = text;
      this.draw(tested);
      this.done.emit(tested);
    } catch (error) {
      const unusable = error instanceof Refusal && error.status === 422;
      this.results.replaceChildren(h("p", { class: "strip-empty" }, icon("alert-circle"), unusable ? t("The test calls can be played once the errors under Problems are mended.") : (error as Error).message));
    } finally {
      this.run.disabled = false;
    }
  }

  private draw(tested: Tested): void {
    const summary = tested.results.length
      ? tested.failed
        ? h("p", { class: "state is-unreachable" }, icon("alert-circle"), t("{failed} of {n} test calls fail", { failed: tested.failed, n: tested.results.length }))
        : h("p", { class: "state is-ready" }, icon("circle-check"), t("All {n} test calls pass", { n: tested.results.length }))
      : h("p", { class: "muted" }, t("This flow has no test calls yet. Play one in the simulator and save it."));
    const failing = [...tested.results].sort((one, other) => Number(one.passed) - Number(other.passed));
    this.results.replaceChildren(summary, ...failing.map(drawResult), unreached(tested) ?? "");
  }
}

export function drawResult(result: ScenarioResult): HTMLElement {
  const transcript = Array.isArray(result.transcript) ? result.transcript.join("\n") : result.transcript;
  const why = Array.isArray(result.why) ? result.why.join("\n") : result.why;
  const details = h(
    "details",
    { class: "test-call" },
    h("summary", {}, h("span", { class: result.passed ? "state is-ready" : "state is-unreachable" }, icon(result.passed ? "circle-check" : "alert-circle"), result.passed ? t("Passes") : t("Fails")), h("span", {}, result.name)),
    result.passed ? null : h("p", { class: "test-why" }, why),
    h("pre", { class: "transcript", tabindex: 0 }, transcript),
  );
  details.open = !result.passed;
  return details;
}

function unreached(tested: Tested): HTMLElement | null {
  const { nodes, edges } = tested.coverage;
  if (!nodes.length && !edges.length) return tested.results.length ? h("p", { class: "muted small" }, t("Every step and every way is reached by a test call.")) : null;
  const ways = edges.map((edge) => (Array.isArray(edge) ? edge.join(" → ") : `${edge.from} → ${edge.to}${edge.label ? ` (${edge.label})` : ""}`));
  return h(
    "details",
    { class: "test-call" },
    h("summary", {}, t("No test call reaches {steps} steps and {ways} ways", { steps: nodes.length, ways: edges.length })),
    h("ul", { class: "small muted" }, ...[...nodes, ...ways].map((each) => h("li", {}, each))),
  );
}

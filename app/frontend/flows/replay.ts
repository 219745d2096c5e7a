/** A past call on the diagram of its own version: step by step, beside its recording. */
import { byId, h, icon, pageData, setText } from "../lib/dom.ts";
import { duration, exactly } from "../lib/format.ts";
import { t } from "../lib/texts.ts";
import { makePlayer } from "../desktop/player.ts";
import { Diagram } from "./diagram.ts";
import type { Graph, Replay, ReplayStep } from "./types.ts";
import { wayName } from "./ways.ts";

interface PageData extends Replay {
  interaction_id: string;
  recording?: { id: number | string; duration_s?: number | null; state?: string; transcript_state?: string } | null;
  customer?: { name?: string | null } | null;
}

class ReplayPage {
  private readonly data = pageData<PageData>();
  private readonly diagram = new Diagram(byId("diagram"), { editable: false, worker: byId("diagram").dataset["worker"] ?? "" });
  private readonly list = byId("replay-steps");
  private at = 0;
  private timer = 0;

  constructor() {
    this.list.replaceChildren(...this.data.steps.map((step, at) => this.row(step, at)));
    this.list.addEventListener("keydown", (event) => this.keys(event));
    this.diagram.chosen.on((id) => {
      const at = this.data.steps.findIndex((step) => step.node === id);
      if (at >= 0) this.go(at);
    });
    byId("replay-back").addEventListener("click", () => this.go(this.at - 1));
    byId("replay-next").addEventListener("click", () => this.go(this.at + 1));
    byId("replay-play").addEventListener("click", () => this.toggle());
    this.player();
    this.diagram.show(this.data.graph);
    if (this.data.steps.length) this.go(0);
  }

  /** The recording; while it plays, the steps follow it. */
  private player(): void {
    const place = byId("replay-player");
    const id = this.data.recording?.id ?? this.data.recording_id;
    if (id === null || id === undefined) {
      place.replaceChildren(h("p", { class: "muted small" }, t("This call was not recorded.")));
      return;
    }
    Object.assign(place.dataset, { recording: String(id), interaction: this.data.interaction_id, duration: String(this.data.recording?.duration_s ?? 0), transcript: this.data.recording?.transcript_state ?? "done", customer: this.data.customer?.name ?? "", agent: "" });
    makePlayer(place);
  }

  private row(step: ReplayStep, at: number): HTMLElement {
    const title = this.graphOf(step).nodes.find((node) => node.id === step.node)?.title ?? step.node;
    const sure = step.confidence === null || step.confidence === undefined ? null : h("span", { class: step.confidence < 0.55 ? "state-pill is-busy tiny" : "faint tiny" }, t("{share} sure", { share: `${Math.round(step.confidence * 100)} %` }));
    return h(
      "li",
      {},
      h(
        "button",
        { type: "button", class: "replay-step", "data-at": at, onclick: () => this.go(at) },
        h("span", { class: "replay-time num tiny faint", title: exactly(step.at) }, duration(this.seconds(step))),
        h("span", { class: "grow" }, h("strong", {}, title), step.heard.length ? h("span", { class: "replay-heard small", dir: "auto" }, step.heard.join(" ")) : null, step.input ? h("span", { class: "replay-input small" }, icon(/^[0-9*#]+$/.test(step.input) ? "dialpad" : "microphone", "icon icon-small"), step.input, " ", sure) : null),
      ),
    );
  }

  /** The diagram that a step stands on: a call may go through several flows. */
  private graphOf(step: ReplayStep): Graph {
    const other = this.data.flows?.find((each) => each.flow === step.flow && each.version === step.version);
    return other?.graph ?? this.data.graph;
  }

  private seconds(step: ReplayStep): number {
    return (Date.parse(step.at) - Date.parse(this.data.steps[0]?.at ?? step.at)) / 1000;
  }

  private go(at: number): void {
    const step = this.data.steps[at];
    if (!step) return;
    this.at = at;
    const graph = this.graphOf(step);
    this.diagram.show(graph);
    const passed = this.data.steps.slice(0, at + 1).filter((each) => this.graphOf(each) === graph);
    const here = this.data.steps.filter((each) => this.graphOf(each) === graph);
    this.diagram.mark({ passed: new Set(passed.map((each) => each.node)), taken: waysOf(passed), also: waysOf(here), here: step.node });
    this.diagram.select(step.node, { reveal: true, quiet: true });
    for (const button of this.list.querySelectorAll<HTMLElement>("[data-at]")) {
      const isHere = button.dataset["at"] === String(at);
      if (isHere) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
      if (isHere) button.scrollIntoView({ block: "nearest" });
    }
    setText(byId("replay-place"), t("Step {n} of {all}", { n: at + 1, all: this.data.steps.length }));
    byId<HTMLButtonElement>("replay-back").disabled = at === 0;
    byId<HTMLButtonElement>("replay-next").disabled = at === this.data.steps.length - 1;
  }

  private keys(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    this.go(Math.min(this.data.steps.length - 1, Math.max(0, this.at + step)));
    this.list.querySelector<HTMLElement>(`[data-at="${this.at}"]`)?.focus();
    event.preventDefault();
  }

  private toggle(): void {
    if (this.timer) return this.stop();
    if (this.at === this.data.steps.length - 1) this.go(0);
    byId("replay-play").replaceChildren(icon("player-pause-filled"));
    byId("replay-play").setAttribute("aria-label", t("Pause"));
    this.timer = window.setInterval(() => {
      if (this.at >= this.data.steps.length - 1) this.stop();
      else this.go(this.at + 1);
    }, 1_400);
  }

  private stop(): void {
    clearInterval(this.timer);
    this.timer = 0;
    byId("replay-play").replaceChildren(icon("player-play-filled"));
    byId("replay-play").setAttribute("aria-label", t("Play the steps"));
  }
}

/** The ways that a call took; every way between the two steps where it is not known which. */
function waysOf(steps: ReplayStep[]): Set<string> {
  const names = steps.map(({ edge, way }) => (edge ? (way ? wayName({ from: edge[0], to: edge[1], field: way }) : edge.join(" ")) : ""));
  return new Set(names.filter(Boolean));
}

new ReplayPage();

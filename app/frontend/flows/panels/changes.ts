/** What a draft changes, in words and in the text, side by side. */
import { h } from "../../lib/dom.ts";
import { Emitter } from "../../lib/emitter.ts";
import { t } from "../../lib/texts.ts";
import type { FlowApi } from "../api.ts";
import type { Panel } from "../strip.ts";
import type { Change, Diff } from "../types.ts";

export class Changes implements Panel {
  readonly name = "changes";
  readonly label = t("Changes");
  readonly element = h("section", { class: "changes" });
  /** What the picture should mark; null when nothing is compared. */
  readonly compared = new Emitter<Diff | null>();
  private readonly api: FlowApi;
  private readonly settled: () => Promise<unknown>;
  private readonly go: (id: string) => void;
  private from = "live";
  private to = "draft";
  private heading = "";

  constructor(api: FlowApi, settled: () => Promise<unknown>, go: (id: string) => void) {
    this.api = api;
    this.settled = settled;
    this.go = go;
  }

  /** Compare two versions: "live", "draft", "file" or a version's name. */
  compare(from: string, to: string, heading = ""): void {
    [this.from, this.to, this.heading] = [from, to, heading];
    void this.load();
  }

  opened(): void {
    void this.load();
  }

  closed(): void {
    [this.from, this.to, this.heading] = ["live", "draft", ""];
    this.compared.emit(null);
  }

  async load(): Promise<void> {
    try {
      if (this.to === "draft") await this.settled();
      const diff = await this.api.diff(this.from, this.to);
      const heading = this.heading || t("What the draft changes in what is live");
      const isDraft = this.from === "live" && this.to === "draft";
      const back = isDraft ? null : h("button", { type: "button", class: "btn btn-small", onclick: () => this.compare("live", "draft") }, t("Back to the draft"));
      this.element.replaceChildren(h("div", { class: "panel-bar" }, h("h3", {}, heading), back), drawDiff(diff, this.go));
      this.compared.emit(diff);
    } catch (error) {
      this.element.replaceChildren(h("p", { class: "strip-empty" }, (error as Error).message));
    }
  }
}

export function drawDiff(diff: Diff, go: ((id: string) => void) | null): HTMLElement {
  if (!diff.changes.length && !diff.text.trim()) return h("p", { class: "strip-empty" }, t("No difference."));
  const words = diff.changes.length ? h("ul", { class: "change-list" }, ...diff.changes.map((change) => drawChange(change, go))) : h("p", { class: "muted small" }, t("Callers notice nothing: only comments or the order of lines differ."));
  return h("div", { class: "diff" }, h("div", { class: "diff-words" }, h("h4", { class: "section-label" }, t("In words")), words), h("div", { class: "diff-text" }, h("h4", { class: "section-label" }, t("In the text")), drawText(diff.text)));
}

function drawChange(change: Change, go: ((id: string) => void) | null): HTMLElement {
  const sign = { added: "+", removed: "−", changed: "~" }[change.how] ?? "~";
  const word = { added: t("new"), removed: t("removed"), changed: t("changed") }[change.how] ?? change.how;
  const inside = [h("span", { class: `change-sign is-${change.how}`, "aria-label": word }, sign), h("span", {}, change.words)];
  const canGo = go && change.node && change.how !== "removed";
  return h("li", {}, canGo ? h("button", { type: "button", class: "change", onclick: () => go(change.node) }, ...inside) : h("span", { class: "change" }, ...inside));
}

/** A unified diff with its lines coloured and its head left out. */
export function drawText(text: string): HTMLElement {
  const lines = text.split("\n").filter((line) => !/^(---|\+\+\+) /.test(line));
  return h(
    "pre",
    { class: "text-diff", tabindex: 0 },
    ...lines.map((line) => {
      const how = line.startsWith("@@") ? "is-place" : line.startsWith("+") ? "is-added" : line.startsWith("-") ? "is-removed" : "";
      return h("span", { class: how }, line.startsWith("@@") ? "⋯\n" : `${line}\n`);
    }),
  );
}

/** The strip below: one tab for each way of looking at the flow. A panel is told when it comes into sight. */
import { h, show } from "../lib/dom.ts";

export interface Panel {
  name: string;
  label: string;
  element: HTMLElement;
  opened?(): void;
  closed?(): void;
}

export class Strip {
  private readonly panels: Panel[];
  private readonly tabs = new Map<string, HTMLButtonElement>();
  private readonly bar: HTMLElement;
  private current: Panel | null = null;
  private readonly place: HTMLElement;

  constructor(place: HTMLElement, panels: Panel[], label: string) {
    this.place = place;
    this.panels = panels;
    this.bar = h("div", { class: "strip-tabs", role: "tablist", "aria-label": label });
    for (const panel of panels) {
      const tab = h("button", { type: "button", role: "tab", id: `tab-${panel.name}`, "aria-controls": `panel-${panel.name}`, "aria-selected": "false", tabindex: -1, onclick: () => this.press(panel.name) }, h("span", {}, panel.label), h("span", { class: "tab-count num" }));
      this.tabs.set(panel.name, tab);
      panel.element.id = `panel-${panel.name}`;
      panel.element.setAttribute("role", "tabpanel");
      panel.element.setAttribute("aria-labelledby", tab.id);
      panel.element.classList.add("strip-panel");
      panel.element.hidden = true;
      this.bar.append(tab);
    }
    this.bar.addEventListener("keydown", (event) => this.arrows(event));
    place.classList.add("is-folded");
    const first = panels[0] && this.tabs.get(panels[0].name);
    if (first) first.tabIndex = 0;
    place.append(this.bar, ...panels.map((panel) => panel.element));
  }

  get open(): string | null {
    return this.current?.name ?? null;
  }

  /** A second press on the open tab folds the strip. */
  private press(name: string): void {
    if (this.current?.name === name) this.show(null);
    else this.show(name);
  }

  show(name: string | null): void {
    const next = this.panels.find((panel) => panel.name === name) ?? null;
    if (next === this.current) return;
    this.current?.closed?.();
    this.current = next;
    for (const panel of this.panels) {
      show(panel.element, panel === next);
      const tab = this.tabs.get(panel.name);
      tab?.setAttribute("aria-selected", String(panel === next));
      if (tab) tab.tabIndex = panel === (next ?? this.panels[0]) ? 0 : -1;
    }
    this.place.classList.toggle("is-folded", next === null);
    next?.opened?.();
  }

  count(name: string, text: string, look: "" | "is-unreachable" | "is-busy" | "is-ready" = ""): void {
    const label = this.tabs.get(name)?.querySelector(".tab-count");
    if (!label) return;
    label.textContent = text;
    label.className = `tab-count num ${look}`;
  }

  private arrows(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = this.panels.findIndex((panel) => this.tabs.get(panel.name) === document.activeElement);
    const next = this.panels[(at + step + this.panels.length) % this.panels.length];
    if (!next) return;
    this.show(next.name);
    this.tabs.get(next.name)?.focus();
    event.preventDefault();
  }
}

/** The flow as a picture: steps by shape and word, ways with their labels, marks for problems, changes, calls. Everything works by pointer and by keyboard. */
import { h, icon, setText } from "../lib/dom.ts";
import { Emitter } from "../lib/emitter.ts";
import { t } from "../lib/texts.ts";
import { lookOf, wordOf } from "./kinds.ts";
import type { Picture, PlacedStep, PlacedWay } from "./layout.ts";
import { clipped, lineThrough, shapeOf, widthOf } from "./shapes.ts";
import type { Graph, GraphEdge, GraphNode } from "./types.ts";
import { wayName } from "./ways.ts";

const SVG = "http://www.w3.org/2000/svg";
const TITLE_FONT = '550 13px "Inter Variable", system-ui, sans-serif';
const SMALL_FONT = '400 11.5px "Inter Variable", system-ui, sans-serif';
const LABEL_PX = 96;
const [SIGN_LABEL_PX, SIGN_PX] = [60, 62];
const FAR_PX = 700;
const [LEAST_ZOOM, MOST_ZOOM] = [0.08, 2.5];
const STEP_PX = 60;

export interface Marks {
  /** Steps that a call passed, the thick line of the picture. */
  passed?: Set<string>;
  /** Ways that a call took, by `wayName`; "from to" for every way between the two, where it is not known which it was. */
  taken?: Set<string>;
  /** Ways that are drawn although the file is silent on them, by `wayName`. */
  also?: Set<string>;
  /** Where the call is now. */
  here?: string | null;
  /** What a draft changed. */
  changes?: Map<string, "added" | "removed" | "changed">;
  /** Calls on each way, by `wayName`, and what is said beside a step. */
  counts?: Map<string, number>;
  notes?: Map<string, { text: string; bad: boolean }>;
  /** Steps and ways that no test call reached. */
  unreached?: Set<string>;
}

export type Wanted = "edit" | "rename" | "delete" | "connect" | "add";

function s(tag: string, attributes: Record<string, string | number>, ...children: (Node | string)[]): SVGElement {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

interface Drawn {
  key: string;
  element: SVGElement;
}

export class Diagram {
  readonly chosen = new Emitter<string | null>();
  readonly wanted = new Emitter<{ what: Wanted; id: string; to?: string }>();
  /** The picture stands: its steps can be looked for. */
  readonly drawn = new Emitter<void>();
  readonly element: HTMLElement;
  private readonly canvas: HTMLElement;
  private readonly svg: SVGSVGElement;
  private readonly world = s("g", { class: "world" });
  private readonly lines = s("g", { class: "ways" });
  private readonly boxes = s("g", { class: "steps" });
  private readonly map = h("canvas", { class: "minimap", width: 168, height: 112, "aria-hidden": "true" });
  private readonly searchBox = h("input", { type: "search", class: "diagram-search", placeholder: t("Find a step"), "aria-label": t("Find a step"), autocomplete: "off" });
  private readonly found = h("span", { class: "faint tiny num", role: "status" });
  private readonly worker: Worker | null;
  private readonly editable: boolean;
  private graph: Graph = { start: null, fallback: null, nodes: [], edges: [] };
  private picture: Picture = { steps: [], ways: [], width: 0, height: 0 };
  private places = new Map<string, PlacedStep>();
  private stepsDrawn = new Map<string, Drawn>();
  private waysDrawn = new Map<string, Drawn>();
  private marks: Marks = {};
  private serial = 0;
  private shape = "";
  private all = false;
  private isFresh = true;
  private view = { x: 0, y: 0, zoom: 1 };
  private trail: string[] = [];
  private matches: string[] = [];
  private isFirstLook = true;
  private revealSoon: string | null = null;
  selected: string | null = null;

  constructor(place: HTMLElement, { editable, worker }: { editable: boolean; worker: string }) {
    this.editable = editable;
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("role", "presentation");
    this.world.append(this.lines, this.boxes);
    this.svg.append(arrowHead(), this.world);
    this.lines.setAttribute("aria-hidden", "true");
    this.boxes.setAttribute("role", "presentation");
    this.world.setAttribute("role", "presentation");
    this.canvas = h("div", {
      class: "diagram-canvas",
      tabindex: 0,
      role: "listbox",
      "aria-label": t("Diagram. Arrow keys follow the ways between steps."),
    });
    this.canvas.append(this.svg);
    this.element = h("div", { class: "diagram" }, this.toolbar(), this.canvas, this.map);
    place.append(this.element);
    this.worker = startWorker(worker);
    if (this.worker) this.worker.onmessage = ({ data }: MessageEvent<{ serial: number; picture: Picture }>) => this.placed(data.serial, data.picture);
    this.listen();
    new ResizeObserver(() => this.moved()).observe(this.canvas);
  }

  /** Draw this flow. The picture is laid out anew only when steps or ways changed, and stays where it is on the screen. */
  show(graph: Graph): void {
    this.graph = graph;
    const also = [...(this.marks.also ?? [])];
    const shape = JSON.stringify([this.all, also, graph.start, graph.nodes.map((node) => node.id), graph.edges.map((edge) => [edge.from, edge.to, edge.implicit])]);
    if (shape === this.shape) return this.draw();
    this.shape = shape;
    this.serial += 1;
    this.worker?.postMessage({ serial: this.serial, graph, all: this.all, also });
  }

  mark(marks: Marks): void {
    this.marks = marks;
    this.draw();
    this.show(this.graph);
  }

  select(id: string | null, { reveal = false, quiet = false }: { reveal?: boolean; quiet?: boolean } = {}): void {
    const known = id !== null && this.graph.nodes.some((node) => node.id === id) ? id : null;
    const isOther = known !== this.selected;
    this.selected = known;
    if (known) {
      this.canvas.setAttribute("aria-activedescendant", optionId(known));
      if (isOther) this.trail = [...this.trail.slice(-40), known];
    } else this.canvas.removeAttribute("aria-activedescendant");
    this.draw();
    if (known && reveal) this.reveal(known);
    if (isOther && !quiet) this.chosen.emit(known);
  }

  focus(): void {
    this.canvas.focus();
  }

  /** Bring a step into sight; one that is not drawn yet, as soon as it is. */
  reveal(id: string): void {
    const place = this.places.get(id);
    if (!place) {
      this.revealSoon = id;
      return;
    }
    const { width, height } = this.canvas.getBoundingClientRect();
    const [left, top] = [this.view.x + place.x * this.view.zoom, this.view.y + place.y * this.view.zoom];
    const [right, bottom] = [left + place.width * this.view.zoom, top + place.height * this.view.zoom];
    if (left < 16 || right > width - 40) this.view.x += width / 2 - (left + right) / 2;
    if (top < 48 || bottom > height - 24) this.view.y += height / 2 - (top + bottom) / 2;
    this.moved();
  }

  /** The whole flow in the window, as far as it can be read there. */
  fit(): void {
    const { width, height } = this.canvas.getBoundingClientRect();
    if (!width || !this.picture.width) return;
    const zoom = Math.min(1, (width - 16) / this.picture.width, (height - 56) / this.picture.height);
    this.view.zoom = Math.max(LEAST_ZOOM, zoom);
    this.view.x = Math.max(8, (width - this.picture.width * this.view.zoom) / 2);
    this.view.y = 44 + Math.max(0, (height - 56 - this.picture.height * this.view.zoom) / 2);
    this.moved();
  }

  /** The start of the flow at a size that reads well: how a long flow opens. */
  private open(): void {
    this.fit();
    if (this.view.zoom >= 0.62) return;
    const { height } = this.canvas.getBoundingClientRect();
    const first = this.places.get(this.graph.start ?? "") ?? this.picture.steps[0];
    if (!first) return;
    this.view = { zoom: 0.8, x: 12 - first.x * 0.8, y: height / 2 - (first.y + first.height / 2) * 0.8 };
    this.moved();
  }

  private toolbar(): HTMLElement {
    const button = (name: string, label: string, act: () => void): HTMLElement =>
      h("button", { type: "button", class: "btn btn-quiet btn-small btn-icon", "aria-label": label, title: label, onclick: act }, icon(name));
    const all = h("button", { type: "button", class: "btn btn-quiet btn-small", "aria-pressed": "false", title: t("Also show where callers go when the flow says nothing of it") }, icon("route"), h("span", {}, t("All ways")));
    all.addEventListener("click", () => {
      this.all = !this.all;
      all.setAttribute("aria-pressed", String(this.all));
      this.show(this.graph);
    });
    const add = this.editable
      ? h("button", { type: "button", class: "btn btn-small", id: "add-step", onclick: () => this.wanted.emit({ what: "add", id: this.selected ?? "" }) }, icon("plus"), h("span", {}, t("Add step")))
      : null;
    return h(
      "div",
      { class: "diagram-bar", role: "toolbar", "aria-label": t("Diagram") },
      add,
      h("div", { class: "diagram-find" }, icon("search", "icon icon-small"), this.searchBox, this.found),
      h("span", { class: "grow" }),
      all,
      button("zoom-out", t("Smaller"), () => this.zoomBy(1 / 1.25)),
      button("zoom-in", t("Larger"), () => this.zoomBy(1.25)),
      button("maximize", t("Show the whole flow"), () => this.fit()),
    );
  }

  private placed(serial: number, picture: Picture): void {
    if (serial !== this.serial) return; // a newer one is on its way
    const anchor = this.selected ?? this.graph.start ?? "";
    const before = this.places.get(anchor);
    this.picture = picture;
    this.places = new Map(picture.steps.map((step) => [step.id, step]));
    const after = this.places.get(anchor);
    this.draw();
    if (this.isFresh && picture.steps.length) {
      this.isFresh = false;
      this.open();
    } else if (before && after) {
      this.view.x += (before.x - after.x) * this.view.zoom;
      this.view.y += (before.y - after.y) * this.view.zoom;
    }
    this.moved();
    if (this.revealSoon && this.places.has(this.revealSoon)) {
      const id = this.revealSoon;
      this.revealSoon = null;
      this.reveal(id);
    }
    this.drawn.emit();
  }

  private draw(): void {
    const nodes = new Map(this.graph.nodes.map((node) => [node.id, node]));
    const steps = this.picture.steps.filter((step) => nodes.has(step.id));
    patch(this.boxes, this.stepsDrawn, steps.map((step) => this.stepToDraw(step, nodes.get(step.id) as GraphNode)));
    const ways = this.picture.ways.filter((way) => this.graph.edges[way.index]);
    patch(this.lines, this.waysDrawn, ways.map((way) => this.wayToDraw(way, this.graph.edges[way.index] as GraphEdge, nodes)));
    this.drawMap();
  }

  private stepToDraw(step: PlacedStep, node: GraphNode): { id: string; key: string; make: () => SVGElement } {
    const state = {
      selected: node.id === this.selected,
      match: this.matches.includes(node.id),
      passed: this.marks.passed?.has(node.id) ?? false,
      here: this.marks.here === node.id,
      change: this.marks.changes?.get(node.id) ?? "",
      note: this.marks.notes?.get(node.id) ?? null,
      unreached: this.marks.unreached?.has(node.id) ?? false,
      start: this.graph.start === node.id,
      fallback: this.graph.fallback === node.id,
      dim: Boolean(this.marks.passed) && !this.marks.passed?.has(node.id),
    };
    const { line: _line, end_line: _end, ...looks } = node;
    return { id: node.id, key: JSON.stringify([step, looks, state]), make: () => this.makeStep(step, node, state) };
  }

  private makeStep(step: PlacedStep, node: GraphNode, state: { selected: boolean; match: boolean; passed: boolean; here: boolean; change: string; note: { text: string; bad: boolean } | null; unreached: boolean; start: boolean; fallback: boolean; dim: boolean }): SVGElement {
    const look = lookOf(node.kind);
    const classes = ["step", `is-${look.family}`];
    for (const name of ["selected", "match", "passed", "here", "dim", "unreached"] as const) if (state[name]) classes.push(`is-${name}`);
    if (state.change) classes.push(`is-${state.change}`);
    if (node.severity) classes.push(`has-${node.severity}`);
    const middle = step.height / 2;
    const symbol = s("use", { href: `${document.documentElement.dataset["icons"] ?? "/static/build/icons.svg"}#${look.icon}`, x: 15, y: middle - 9, width: 18, height: 18, class: "step-icon" });
    const kind = wordOf(node.kind) + (state.start ? ` · ${t("start")}` : "") + (state.fallback ? ` · ${t("fallback")}` : "");
    const room = step.width - 56;
    const group = s(
      "g",
      {
        class: classes.join(" "),
        transform: `translate(${step.x} ${step.y})`,
        "data-step": node.id,
        id: optionId(node.id),
        role: "option",
        "aria-selected": String(state.selected),
        "aria-label": this.described(node, kind, state),
      },
      s("path", { class: "step-shape", d: shapeOf(look.family, step.width, step.height) }),
      symbol,
      s("text", { class: "step-kind", x: 42, y: middle - 12 }, clipped(kind, room, SMALL_FONT)),
      s("text", { class: "step-title", x: 42, y: middle + 4 }, clipped(node.title || node.id, room, TITLE_FONT)),
      s("text", { class: "step-detail", x: 42, y: middle + 19 }, clipped(node.detail, room, SMALL_FONT)),
      s("title", {}, [node.title || node.id, node.detail].filter(Boolean).join("\n")),
    );
    if (node.severity) group.append(badge(step.width - 8, 2, node.severity === "error" ? "!" : "?", `badge-${node.severity}`));
    if (state.change) group.append(badge(8, 2, { added: "+", removed: "−", changed: "~" }[state.change] ?? "~", `badge-${state.change}`));
    if (state.note) group.append(noteBelow(state.note, step));
    if (this.editable && state.selected) group.append(handle(step));
    return group;
  }

  private described(node: GraphNode, kind: string, state: { change: string; note: { text: string } | null; passed: boolean }): string {
    const ways = this.graph.edges.filter((edge) => edge.from === node.id && !edge.implicit).map((edge) => t("{way} to {step}", { way: edge.label, step: this.titleOf(edge.to) }));
    const parts = [`${kind}: ${node.title || node.id}`, node.detail];
    if (node.severity) parts.push(node.severity === "error" ? t("has an error") : t("has a warning"));
    if (state.change) parts.push({ added: t("new"), removed: t("removed"), changed: t("changed") }[state.change] ?? "");
    if (state.note) parts.push(state.note.text);
    if (state.passed) parts.push(t("the call passed here"));
    if (ways.length) parts.push(ways.join(", "));
    return parts.filter(Boolean).join(". ");
  }

  private titleOf(id: string): string {
    return this.graph.nodes.find((node) => node.id === id)?.title || id;
  }

  private wayToDraw(way: PlacedWay, edge: GraphEdge, nodes: Map<string, GraphNode>): { id: string; key: string; make: () => SVGElement } {
    const name = wayName(edge);
    const taken = this.marks.taken;
    const isTaken = taken ? taken.has(name) || taken.has(`${edge.from} ${edge.to}`) : false;
    const state = {
      near: this.selected === edge.from || this.selected === edge.to,
      taken: isTaken,
      count: this.marks.counts?.get(name) ?? null,
      most: this.marks.counts ? Math.max(1, ...this.marks.counts.values()) : 1,
      missing: !nodes.has(edge.to),
      title: nodes.get(edge.to)?.title || edge.to,
      dim: Boolean(taken) && !isTaken,
    };
    return { id: `${way.index} ${name}`, key: JSON.stringify([way, edge.label, edge.implicit, state]), make: () => makeWay(way, edge, state) };
  }

  private zoomBy(factor: number, atX?: number, atY?: number): void {
    const { width, height } = this.canvas.getBoundingClientRect();
    const [x, y] = [atX ?? width / 2, atY ?? height / 2];
    const zoom = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, this.view.zoom * factor));
    const scale = zoom / this.view.zoom;
    this.view = { zoom, x: x - (x - this.view.x) * scale, y: y - (y - this.view.y) * scale };
    this.moved();
  }

  private moved(): void {
    const { width, height } = this.canvas.getBoundingClientRect();
    // The picture never leaves the window altogether.
    const [wide, tall] = [this.picture.width * this.view.zoom, this.picture.height * this.view.zoom];
    if (width) this.view.x = Math.min(width - 80, Math.max(80 - wide, this.view.x));
    if (height) this.view.y = Math.min(height - 60, Math.max(60 - tall, this.view.y));
    this.world.setAttribute("transform", `translate(${this.view.x} ${this.view.y}) scale(${this.view.zoom})`);
    this.svg.classList.toggle("is-far", this.view.zoom < 0.45);
    this.drawMap();
  }

  private mapScale(): number {
    return Math.min(this.map.width / Math.max(1, this.picture.width), this.map.height / Math.max(1, this.picture.height));
  }

  private drawMap(): void {
    const pen = this.map.getContext("2d");
    if (!pen) return;
    const { width, height } = this.canvas.getBoundingClientRect();
    const needed = this.picture.width * this.view.zoom > width || this.picture.height * this.view.zoom > height;
    this.map.hidden = !needed;
    if (!needed) return;
    const style = getComputedStyle(this.element);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const scale = this.mapScale();
    pen.clearRect(0, 0, this.map.width, this.map.height);
    for (const step of this.picture.steps) {
      const isLit = step.id === this.selected || this.marks.passed?.has(step.id) || this.matches.includes(step.id);
      pen.fillStyle = colour(isLit ? "--accent" : "--line-strong");
      pen.fillRect(step.x * scale, step.y * scale, Math.max(2, step.width * scale), Math.max(1.5, step.height * scale));
    }
    pen.strokeStyle = colour("--accent");
    pen.lineWidth = 1.5;
    const [x, y] = [(-this.view.x / this.view.zoom) * scale, (-this.view.y / this.view.zoom) * scale];
    pen.strokeRect(x, y, (width / this.view.zoom) * scale, (height / this.view.zoom) * scale);
  }

  private listen(): void {
    this.canvas.addEventListener("keydown", (event) => this.keys(event));
    this.canvas.addEventListener("pointerdown", (event) => this.press(event));
    this.canvas.addEventListener("dblclick", (event) => {
      const id = stepUnder(event.target);
      if (id) this.wanted.emit({ what: "edit", id });
    });
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.map.addEventListener("pointerdown", (event) => this.mapPressed(event));
    this.searchBox.addEventListener("input", () => this.search());
    this.searchBox.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.nextMatch(event.shiftKey ? -1 : 1);
      else if (event.key === "Escape") {
        this.searchBox.value = "";
        this.search();
        this.focus();
      } else return;
      event.preventDefault();
    });
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const box = this.canvas.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey) return this.zoomBy(Math.exp(-event.deltaY * 0.01), event.clientX - box.left, event.clientY - box.top);
    this.view.x -= event.shiftKey ? event.deltaY : event.deltaX;
    this.view.y -= event.shiftKey ? 0 : event.deltaY;
    this.moved();
  }

  private press(event: PointerEvent): void {
    if (event.button !== 0) return;
    if ((event.target as Element).closest(".step-handle")) return this.dragWay(event);
    const id = stepUnder(event.target);
    const start = { x: event.clientX - this.view.x, y: event.clientY - this.view.y, atX: event.clientX, atY: event.clientY };
    let isDrag = false;
    const fingers = new Map([[event.pointerId, event]]);
    let spread = 0;
    const move = (at: PointerEvent): void => {
      fingers.set(at.pointerId, at);
      const [one, other] = [...fingers.values()];
      if (one && other) {
        const now = Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
        const box = this.canvas.getBoundingClientRect();
        if (spread) this.zoomBy(now / spread, (one.clientX + other.clientX) / 2 - box.left, (one.clientY + other.clientY) / 2 - box.top);
        spread = now;
        isDrag = true;
        return;
      }
      isDrag ||= Math.hypot(at.clientX - start.atX, at.clientY - start.atY) > 4;
      if (!isDrag) return;
      this.canvas.classList.add("is-panning");
      this.view.x = at.clientX - start.x;
      this.view.y = at.clientY - start.y;
      this.moved();
    };
    const up = (at: PointerEvent): void => {
      fingers.delete(at.pointerId);
      if (fingers.size) return;
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", up);
      removeEventListener("pointercancel", up);
      this.canvas.classList.remove("is-panning");
      if (!isDrag) this.select(id, { reveal: true });
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", up);
    addEventListener("pointercancel", up);
  }

  /** From the small handle of a step to another step: a way between them; to an empty place, or without moving: a new step. */
  private dragWay(event: PointerEvent): void {
    const from = this.selected;
    const place = from && this.places.get(from);
    if (!from || !place) return;
    event.preventDefault();
    const line = s("path", { class: "way-drag" });
    this.world.append(line);
    const box = this.canvas.getBoundingClientRect();
    const move = (at: PointerEvent): void => {
      const x = (at.clientX - box.left - this.view.x) / this.view.zoom;
      const y = (at.clientY - box.top - this.view.y) / this.view.zoom;
      line.setAttribute("d", `M${place.x + place.width} ${place.y + place.height}L${x} ${y}`);
    };
    const up = (at: PointerEvent): void => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", up);
      line.remove();
      const to = stepUnder(document.elementFromPoint(at.clientX, at.clientY));
      if (to && to !== from) this.wanted.emit({ what: "connect", id: from, to });
      else this.wanted.emit({ what: "add", id: from });
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", up);
  }

  private mapPressed(event: PointerEvent): void {
    event.preventDefault();
    const go = (at: PointerEvent): void => {
      const box = this.map.getBoundingClientRect();
      const { width, height } = this.canvas.getBoundingClientRect();
      const scale = this.mapScale();
      this.view.x = width / 2 - ((at.clientX - box.left) / scale) * this.view.zoom;
      this.view.y = height / 2 - ((at.clientY - box.top) / scale) * this.view.zoom;
      this.moved();
    };
    go(event);
    this.map.setPointerCapture(event.pointerId);
    this.map.addEventListener("pointermove", go);
    this.map.addEventListener("pointerup", () => this.map.removeEventListener("pointermove", go), { once: true });
  }

  private keys(event: KeyboardEvent): void {
    if (event.altKey) return;
    const isCommand = event.ctrlKey || event.metaKey;
    const act = isCommand ? { f: () => this.searchBox.focus() }[event.key] : this.plainKeys()[event.key];
    if (!act) return;
    act();
    event.preventDefault();
    event.stopPropagation();
  }

  private plainKeys(): Record<string, () => void> {
    const want = (what: Wanted) => (): void => {
      if (this.selected && (this.editable || what === "edit")) this.wanted.emit({ what, id: this.selected });
    };
    return {
      ArrowRight: () => this.walk(1),
      ArrowLeft: () => this.walk(-1),
      ArrowDown: () => this.sibling(1),
      ArrowUp: () => this.sibling(-1),
      Home: () => this.select(this.graph.start, { reveal: true }),
      End: () => this.select(this.graph.nodes[this.graph.nodes.length - 1]?.id ?? null, { reveal: true }),
      Escape: () => this.select(null),
      Enter: want("edit"),
      F2: want("rename"),
      Delete: want("delete"),
      Backspace: want("delete"),
      c: want("connect"),
      n: () => this.editable && this.wanted.emit({ what: "add", id: this.selected ?? "" }),
      "/": () => this.searchBox.focus(),
      "+": () => this.zoomBy(1.25),
      "=": () => this.zoomBy(1.25),
      "-": () => this.zoomBy(1 / 1.25),
      "0": () => this.fit(),
      PageDown: () => ((this.view.y -= STEP_PX * 5), this.moved()),
      PageUp: () => ((this.view.y += STEP_PX * 5), this.moved()),
    };
  }

  /** Right follows the first way out; left goes back where one came from, else to what leads here. */
  private walk(direction: 1 | -1): void {
    if (!this.selected) return this.select(this.graph.start ?? this.graph.nodes[0]?.id ?? null, { reveal: true });
    const known = new Set(this.graph.nodes.map((node) => node.id));
    if (direction === 1) {
      const to = this.graph.edges.find((edge) => edge.from === this.selected && known.has(edge.to) && (this.all || !edge.implicit));
      if (to) this.select(to.to, { reveal: true });
      return;
    }
    this.trail.pop();
    const back = this.trail.pop();
    const leads = (id: string | undefined): boolean => this.graph.edges.some((edge) => edge.from === id && edge.to === this.selected);
    const from = leads(back) ? back : this.graph.edges.find((edge) => edge.to === this.selected && !edge.implicit)?.from;
    this.select(from ?? this.selected, { reveal: true });
  }

  /** Down and up: the other ways of the step one came from, else the step next below or above on the picture. */
  private sibling(direction: 1 | -1): void {
    if (!this.selected) return this.walk(1);
    const from = this.graph.edges.find((edge) => edge.to === this.selected && !edge.implicit && edge.from === this.trail[this.trail.length - 2])?.from;
    const ways = [...new Set(this.graph.edges.filter((edge) => edge.from === from && !edge.implicit).map((edge) => edge.to))];
    const next = ways[ways.indexOf(this.selected) + direction];
    if (from && next && ways.includes(this.selected) && this.places.has(next)) {
      this.trail.pop();
      return this.select(next, { reveal: true });
    }
    const here = this.places.get(this.selected);
    if (!here) return;
    const nearest = this.picture.steps
      .filter((step) => (step.y - here.y) * direction > 4)
      .sort((one, other) => gap(one, here) - gap(other, here))[0];
    if (nearest) this.select(nearest.id, { reveal: true });
  }

  private search(): void {
    const wanted = this.searchBox.value.trim().toLowerCase();
    this.matches = wanted
      ? this.graph.nodes.filter((node) => [node.id, node.title, node.detail, wordOf(node.kind)].some((text) => text.toLowerCase().includes(wanted))).map((node) => node.id)
      : [];
    this.matches.sort((one, other) => Number(other === wanted) - Number(one === wanted));
    this.isFirstLook = true;
    setText(this.found, wanted ? t("{n} found", { n: this.matches.length }) : "");
    this.draw();
    const first = this.matches[0];
    if (first) this.reveal(first);
  }

  /** Enter chooses the match that is shown; again, the next one. */
  private nextMatch(direction: number): void {
    if (!this.matches.length) return;
    const at = this.isFirstLook ? -direction : this.matches.indexOf(this.selected ?? "");
    this.isFirstLook = false;
    const before = this.selected;
    this.select(this.matches.at((at + direction) % this.matches.length) ?? null, { reveal: true });
    if (this.selected === before) this.chosen.emit(before); // its form may have been put away
  }
}

function gap(one: PlacedStep, other: PlacedStep): number {
  return Math.abs(one.y - other.y) + Math.abs(one.x - other.x) * 2;
}

function optionId(id: string): string {
  return `step-${id}`;
}

function stepUnder(target: EventTarget | null): string | null {
  return target instanceof Element ? (target.closest("[data-step]")?.getAttribute("data-step") ?? null) : null;
}

function startWorker(address: string): Worker | null {
  return new Worker(address);
}

/** Elements come, change and go; those that look the same stay, so that a new letter in the text costs nothing here. */
function patch(parent: SVGElement, drawn: Map<string, Drawn>, wanted: { id: string; key: string; make: () => SVGElement }[]): void {
  const kept = new Set<string>();
  for (const { id, key, make } of wanted) {
    kept.add(id);
    const now = drawn.get(id);
    if (now?.key === key) continue;
    const element = make();
    if (now) now.element.replaceWith(element);
    else parent.append(element);
    drawn.set(id, { key, element });
  }
  for (const [id, { element }] of drawn)
    if (!kept.has(id)) {
      element.remove();
      drawn.delete(id);
    }
}

function arrowHead(): SVGElement {
  const head = (id: string): SVGElement =>
    s("marker", { id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" }, s("path", { d: "M0 1L7 4L0 7Z", class: id }));
  return s("defs", {}, head("arrow"), head("arrow-lit"));
}

function badge(x: number, y: number, sign: string, className: string): SVGElement {
  return s("g", { class: `step-badge ${className}`, transform: `translate(${x} ${y})` }, s("circle", { r: 9 }), s("text", { y: 4 }, sign));
}

function noteBelow(note: { text: string; bad: boolean }, step: PlacedStep): SVGElement {
  return s("text", { class: note.bad ? "step-note is-bad" : "step-note", x: 6, y: step.height + 14 }, note.text);
}

/** The small plus at the lower right: drag it to another step to connect, or press it for a new one. */
function handle(step: PlacedStep): SVGElement {
  const label = t("Drag to another step to connect, press to add one");
  return s("g", { class: "step-handle", transform: `translate(${step.width} ${step.height})` }, s("circle", { r: 11 }), s("path", { d: "M-5 0H5M0 -5V5" }), s("title", {}, label));
}

/** A line that runs out of the window says less than the name of where it ends. */
function isFar(way: PlacedWay): boolean {
  const last = way.points[way.points.length - 1];
  return last !== undefined && Math.abs(last[1] - way.y) > FAR_PX;
}

function makeWay(
  way: PlacedWay,
  edge: GraphEdge,
  state: { near: boolean; taken: boolean; count: number | null; most: number; missing: boolean; title: string; dim: boolean },
): SVGElement {
  const classes = ["way"];
  if (state.near) classes.push("is-near");
  if (state.taken) classes.push("is-taken");
  if (state.missing) classes.push("is-missing");
  if (edge.implicit) classes.push("is-implicit");
  if (state.dim) classes.push("is-dim");
  const isSign = way.points.length === 0 || (isFar(way) && !state.near && !state.taken);
  const count = state.count === null ? "" : ` · ${state.count}`;
  const said = clipped(edge.label, (isSign ? SIGN_LABEL_PX : LABEL_PX) - widthOf(count, SMALL_FONT), SMALL_FONT) + count;
  const straight = Math.max(26, widthOf(said, SMALL_FONT) + 16);
  const line = s("path", {
    class: "way-line",
    d: isSign ? `M${way.x} ${way.y}h${straight}` : lineThrough(way.points, Math.min(straight, 130)),
    "marker-end": state.near || state.taken ? "url(#arrow-lit)" : "url(#arrow)",
    "stroke-width": state.count === null ? (state.taken ? 3.5 : state.near ? 2 : 1.4) : 1 + 7 * Math.sqrt(state.count / state.most),
  });
  const group = s("g", { class: classes.join(" ") }, line, s("text", { class: "way-label", x: way.x + 8, y: way.y - 4 }, said), s("title", {}, `${edge.label} → ${state.title}`));
  if (isSign) {
    const words = clipped(state.title, SIGN_PX, SMALL_FONT);
    const width = widthOf(words, SMALL_FONT) + 14;
    group.append(
      s("g", { class: "way-sign", "data-step": edge.to, transform: `translate(${way.x + straight + 3} ${way.y})` }, s("rect", { y: -10, width, height: 20, rx: 10 }), s("text", { x: 7, y: 4 }, words)),
    );
  }
  return group;
}

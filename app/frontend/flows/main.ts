/** The flow editor: one text, seen as text, as picture and as form; saved by itself, proven, published, taken back. */
import { byId, h, icon, pageData, setText, show } from "../lib/dom.ts";
import { when } from "../lib/format.ts";
import { Refusal, call } from "../lib/http.ts";
import { t } from "../lib/texts.ts";
import { toast } from "../lib/toast.ts";
import { FlowApi } from "./api.ts";
import { Code } from "./code.ts";
import { Diagram, type Marks } from "./diagram.ts";
import { ask, field, select } from "./dialogs.ts";
import { DraftKeeper } from "./draft.ts";
import { languagesOf, type Replacement } from "./edit.ts";
import { StepForm } from "./form.ts";
import { FAMILIES, lookOf, wordOf } from "./kinds.ts";
import { blockAt, blockOf, outline } from "./outline.ts";
import { Changes } from "./panels/changes.ts";
import { History } from "./panels/history.ts";
import { Problems } from "./panels/problems.ts";
import { Simulator } from "./panels/simulator.ts";
import { Tests } from "./panels/tests.ts";
import { TrafficView } from "./panels/traffic.ts";
import { Trial } from "./panels/trial.ts";
import { notReady, publish } from "./publish.ts";
import { FlowSchema, type Path, type Schema } from "./schema.ts";
import { addition, connect, deleteStep, renameStep, waysOut } from "./steps.ts";
import { Strip } from "./strip.ts";
import { countsOfWays } from "./ways.ts";
import type { Checked, Diff, Draft, Fault, Graph, Simulation, Traffic } from "./types.ts";

const CHECK_AFTER_MS = 250;
const FOLLOW_AFTER_MS = 90;
const NAME = /^[a-z][a-z0-9_-]{0,59}$/;

interface PageData extends Draft {
  queues?: string[];
  flows?: string[];
  problem?: string | null;
}

class Editor {
  private readonly data = pageData<PageData>();
  private readonly api = new FlowApi(this.data.name);
  private readonly schema: FlowSchema;
  private readonly code: Code;
  private readonly diagram: Diagram;
  private readonly form: StepForm;
  private readonly keeper: DraftKeeper;
  private readonly strip: Strip;
  private readonly problems = new Problems((fault) => this.goTo(fault.line, fault.column));
  private readonly tests: Tests;
  private readonly simulator: Simulator;
  private readonly changes: Changes;
  private readonly history: History;
  private readonly trial: Trial;
  private readonly traffic: TrafficView;
  private checked: Checked = { faults: [], graph: { start: null, fallback: null, nodes: [], edges: [] } };
  private checkTimer = 0;
  private followTimer = 0;
  private checking = 0;
  private changeCount: number | null = null;
  private countedRev = -1;
  private readonly places = { goTo: (fault: Fault): void => this.goTo(fault.line, fault.column), titleOf: (id: string): string => this.titleOf(id) };
  private formOpen = false;
  private couldWrite = true;

  constructor(schema: Schema) {
    this.schema = new FlowSchema(schema);
    const names = { queues: this.data.queues ?? [], flows: this.data.flows ?? [] };
    this.code = new Code(byId("code"), this.data.text, this.schema, names);
    this.diagram = new Diagram(byId("diagram"), { editable: true, worker: byId("diagram").dataset["worker"] ?? "" });
    this.keeper = new DraftKeeper(this.api, this.code, this.data);
    this.form = new StepForm(byId("step-form"), this.schema, this.code, names, {
      rename: (id) => void this.rename(id),
      remove: (id) => this.remove(id),
      connect: (id) => void this.connect(id),
      add: (id, path) => void this.add(id, path ?? null),
      show: (id) => this.choose(id),
      close: () => this.closeForm(),
    });
    const settled = (): Promise<number> => this.keeper.settled();
    const titleOf = (id: string): string => this.titleOf(id);
    const text = (): string => this.code.text;
    this.tests = new Tests(this.api, text);
    this.simulator = new Simulator(this.api, {
      text,
      settled,
      titleOf,
      around: () => ({ languages: languagesOf(this.code.text), queues: names.queues }),
      rewrite: (before, after) => this.rewrite(before, after),
      worklet: byId("strip").dataset["capture"] ?? "",
    });
    this.changes = new Changes(this.api, settled, (id) => this.choose(id));
    this.history = new History(this.api, () => void this.keeper.look().then(() => this.countChanges()), (from, to, heading) => this.compare(from, to, heading));
    this.trial = new Trial(this.api, settled, () => void this.keeper.look(), (error) => void notReady(this.places, error));
    this.traffic = new TrafficView(this.api, titleOf, (id) => this.choose(id));
    this.strip = new Strip(byId("strip"), [this.problems, this.tests, this.simulator, this.changes, this.history, this.trial, this.traffic], t("Below the flow"));
    this.listen();
    this.drawState();
    void this.check().then(() => this.checked.faults.length && !this.strip.open && this.strip.show("problems"));
  }

  private listen(): void {
    this.code.changed.on(() => this.textChanged());
    this.code.moved.on(() => this.cursorMoved());
    this.diagram.chosen.on((id) => this.chosenOnDiagram(id));
    this.diagram.wanted.on(({ what, id, to }) => {
      if (what === "edit") this.openForm(id);
      else if (what === "rename") void this.rename(id);
      else if (what === "delete") this.remove(id);
      else if (what === "connect") void this.connect(id, to);
      else void this.add(id || null, null);
    });
    this.keeper.changed.on(() => {
      this.drawState();
      if (this.keeper.saving === "saved" && this.countedRev !== this.keeper.seen.rev) void this.countChanges();
    });
    this.tests.done.on((tested) => {
      this.strip.count("tests", tested?.results.length ? (tested.failed ? String(tested.failed) : "✓") : "", tested?.failed ? "is-unreachable" : "is-ready");
      this.mark(tested ? { unreached: new Set(tested.coverage.nodes) } : {});
    });
    this.simulator.played.on((played) => this.mark(played ? marksOf(played) : {}, played?.node ?? null));
    this.changes.compared.on((diff) => this.mark(diff ? { changes: changesOf(diff) } : {}));
    this.traffic.loaded.on((traffic) => this.mark(traffic ? trafficMarks(traffic, this.checked.graph) : {}));
    byId("publish").addEventListener("click", () => void this.publish());
    byId("undo").addEventListener("click", () => this.code.undo());
    byId("redo").addEventListener("click", () => this.code.redo());
    byId("discard").addEventListener("click", () => void this.discard());
    byId("keys").addEventListener("click", () => byId<HTMLDialogElement>("keys-dialog").showModal());
    document.addEventListener("keydown", (event) => this.keys(event));
    for (const button of document.querySelectorAll<HTMLElement>("[data-part-show]")) button.addEventListener("click", () => this.showPart(button.dataset["partShow"] ?? "diagram"));
    byId("text-fold").addEventListener("click", () => this.foldText());
    this.resizable();
  }

  private keys(event: KeyboardEvent): void {
    const isCommand = event.ctrlKey || event.metaKey;
    const inText = (event.target as Element).closest?.("#code, input, textarea, select");
    const key = event.key.toLowerCase();
    if (isCommand && key === "s") void this.keeper.settled().then(() => toast(t("Saved.")), (error: Error) => toast(error.message, { error: true }));
    else if (isCommand && event.key === "Enter") void this.publish();
    else if (isCommand && !inText && key === "z") event.shiftKey ? this.code.redo() : this.code.undo();
    else if (isCommand && !inText && key === "y") this.code.redo();
    else if (event.altKey && /^[1-7]$/.test(event.key)) this.strip.show(["problems", "tests", "simulator", "changes", "history", "trial", "traffic"][Number(event.key) - 1] ?? null);
    else if (event.key === "F6") this.nextPart();
    else return;
    event.preventDefault();
  }

  /** F6 goes round text, diagram, form and strip. */
  private nextPart(): void {
    const stops: (() => void)[] = [() => this.code.view.focus(), () => this.diagram.focus(), ...(this.formOpen ? [() => this.form.focus()] : []), () => byId("strip").querySelector<HTMLElement>("[role=tab][tabindex='0']")?.focus()];
    const inside = [byId("code"), byId("diagram"), ...(this.formOpen ? [byId("step-form")] : []), byId("strip")];
    const at = inside.findIndex((part) => part.contains(document.activeElement));
    stops[(at + 1) % stops.length]?.();
  }

  private textChanged(): void {
    clearTimeout(this.checkTimer);
    this.checkTimer = window.setTimeout(() => void this.check(), CHECK_AFTER_MS);
    byId<HTMLButtonElement>("undo").disabled = !this.code.canUndo;
    byId<HTMLButtonElement>("redo").disabled = !this.code.canRedo;
  }

  private async check(): Promise<void> {
    clearTimeout(this.checkTimer);
    this.checking += 1;
    const [serial, text] = [this.checking, this.code.text];
    const checked = await this.api.check(text).catch((error: unknown) => {
      if (error instanceof Refusal && error.status === 401) toast(error.message, { error: true });
      return null;
    });
    if (serial !== this.checking) return; // a newer text is being checked
    if (!checked) {
      this.checkTimer = window.setTimeout(() => void this.check(), 4_000);
      return;
    }
    this.checked = checked;
    if (text === this.code.text) this.code.showFaults(checked.faults);
    this.problems.show(checked.faults, (id) => this.titleOf(id));
    this.drawCounts();
    this.diagram.show(checked.graph);
    if (this.formOpen) this.form.show(this.diagram.selected, checked.graph, checked.faults);
    if (this.strip.open === "simulator") this.simulator.textChanged();
    void this.countChanges();
  }

  private drawCounts(): void {
    const errors = this.checked.faults.filter((fault) => fault.severity === "error").length;
    const count = this.checked.faults.length;
    this.strip.count("problems", count ? String(count) : "✓", errors ? "is-unreachable" : count ? "is-busy" : "is-ready");
  }

  /** How many changes the draft makes, on the button that publishes them. */
  private async countChanges(): Promise<void> {
    this.countedRev = this.keeper.seen.rev;
    if (!this.keeper.isDraft) this.changeCount = 0;
    else if (!this.keeper.isDirty) this.changeCount = await this.api.diff("live", "draft").then((diff) => diff.changes.length, () => null);
    this.strip.count("changes", this.changeCount ? String(this.changeCount) : "");
    this.drawState();
  }

  private titleOf(id: string): string {
    return this.checked.graph.nodes.find((node) => node.id === id)?.title || id;
  }

  private mark(marks: Marks, here: string | null = null): void {
    this.diagram.mark(marks);
    if (here) this.diagram.reveal(here);
  }

  private cursorMoved(): void {
    clearTimeout(this.followTimer);
    this.followTimer = window.setTimeout(() => {
      const { text } = this.code;
      const block = blockAt(outline(text), this.code.view.state.selection.main.head);
      this.code.light(block);
      if (!block || block.id === this.diagram.selected) return;
      this.diagram.select(block.id, { reveal: true, quiet: true });
      if (this.formOpen) this.form.show(block.id, this.checked.graph, this.checked.faults);
    }, FOLLOW_AFTER_MS);
  }

  private chosenOnDiagram(id: string | null): void {
    const block = id === null ? null : blockOf(outline(this.code.text), id);
    this.code.light(block, { reveal: true });
    if (id === null) this.closeForm();
    else if (this.formOpen || matchMedia("(min-width: 1100px)").matches) this.openForm(id, false);
  }

  private openForm(id: string, focus = true): void {
    this.formOpen = true;
    show(byId("step-form"), true);
    byId("editor").classList.add("has-form");
    this.form.show(id, this.checked.graph, this.checked.faults);
    if (matchMedia("(max-width: 799px)").matches) this.showPart("form");
    requestAnimationFrame(() => this.diagram.reveal(id)); // the picture is narrower now
    if (focus) this.form.focus();
  }

  private closeForm(): void {
    if (!this.formOpen) return;
    this.formOpen = false;
    show(byId("step-form"), false);
    byId("editor").classList.remove("has-form");
    if (byId("editor").dataset["show"] === "form") this.showPart("diagram");
    this.diagram.focus();
  }

  /** Show a step on the diagram, in the text and, when it is open, in the form. */
  private choose(id: string): void {
    this.diagram.select(id, { reveal: true });
  }

  private goTo(line: number, column: number): void {
    this.showPart("text");
    this.code.goTo(line, column);
    this.cursorMoved();
  }

  private showPart(part: string): void {
    byId("editor").dataset["show"] = part;
    for (const button of document.querySelectorAll("[data-part-show]")) {
      if (button.getAttribute("data-part-show") === part) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    if (part === "strip" && !this.strip.open) this.strip.show("problems");
  }

  private foldText(): void {
    const folded = byId("editor").classList.toggle("text-folded");
    byId("text-fold").setAttribute("aria-pressed", String(folded));
  }

  private change(changes: Replacement[]): boolean {
    if (!this.mayChange()) return false;
    this.code.change(changes);
    void this.check();
    return changes.length > 0;
  }

  private rewrite(before: string, after: string): boolean {
    if (this.code.text !== before) {
      toast(t("The text was changed meanwhile. Try again."), { error: true });
      return false;
    }
    if (!this.mayChange()) return false;
    this.code.replaceAll(after);
    void this.check();
    return true;
  }

  private mayChange(): boolean {
    if (!this.keeper.mayWrite) toast(t("Somebody else writes here now. Take over first."), { error: true });
    return this.keeper.mayWrite;
  }

  private async rename(id: string): Promise<void> {
    const input = h("input", { type: "text", class: "mono", value: id, maxlength: 60, autocomplete: "off", spellcheck: "false" });
    const taken = new Set(outline(this.code.text).blocks.map((block) => block.id));
    const check = (): string => {
      if (!NAME.test(input.value)) return t("A name has small letters, digits, - and _, and begins with a letter.");
      return input.value !== id && taken.has(input.value) ? t("There is a step of this name already.") : "";
    };
    const sure = await ask({ title: t("Rename {step}", { step: this.titleOf(id) }), body: [field(t("Name in the file"), input, t("Every way that leads here follows. Callers and agents see the title, not this name."))], confirm: t("Rename"), check });
    if (!sure || input.value === id) return;
    if (this.change(renameStep(this.code.text, this.schema, id, input.value))) this.soon(input.value);
  }

  private remove(id: string): void {
    const title = this.titleOf(id);
    if (!this.change(deleteStep(this.code.text, this.schema, id))) return;
    this.diagram.select(null);
    toast(t("{step} was deleted.", { step: title }), { undo: { label: t("Undo"), act: () => this.code.undo() } });
  }

  /** Choose a step that the next picture will hold. */
  private soon(id: string): void {
    const stop = this.diagram.drawn.on(() => {
      stop();
      this.diagram.select(id, { reveal: true });
    });
  }

  private async connect(from: string, to?: string): Promise<void> {
    const ways = waysOut(this.code.text, this.schema, from);
    if (!ways.length) return toast(t("{step} leads nowhere: it ends the call, or its kind is not known yet.", { step: this.titleOf(from) }), { error: true });
    const way = select(ways.map((each, at): [string, string] => [String(at), each.to ? t("{way} (now to {step})", { way: each.label, step: this.titleOf(each.to) }) : each.label]), String(Math.max(0, ways.findIndex((each) => !each.to))));
    const target = select(this.checked.graph.nodes.filter((node) => node.id !== from).map((node): [string, string] => [node.id, node.title]), to ?? "");
    const sure = await ask({ title: t("Connect {step}", { step: this.titleOf(from) }), body: [field(t("By"), way), field(t("Leads to"), target)], confirm: t("Connect"), check: () => (target.value ? "" : t("Choose where it leads.")) });
    const chosen = ways[Number(way.value)];
    if (sure && chosen && this.change(connect(this.code.text, this.schema, from, chosen.path, target.value))) this.refreshForm();
  }

  private refreshForm(): void {
    if (this.formOpen) this.form.refresh(true);
  }

  private async add(from: string | null, path: Path | null): Promise<void> {
    const ways = from ? waysOut(this.code.text, this.schema, from) : [];
    const asked = path ? ways.findIndex((each) => String(each.path) === String(path)) : ways.findIndex((each) => !each.to);
    const loose = ways.length;
    const way = select([...ways.map((each, at): [string, string] => [String(at), each.to ? t("{way} (before {step})", { way: each.label, step: this.titleOf(each.to) }) : each.label]), [String(loose), t("Nothing leads there yet")]], String(from ? (asked >= 0 ? asked : 0) : loose));
    const title = h("input", { type: "text", maxlength: 60, autocomplete: "off", autofocus: true, placeholder: t("What it is called, for instance: Opening hours") });
    const kinds = this.kindPicker();
    const sure = await ask({
      title: from ? t("New step after {step}", { step: this.titleOf(from) }) : t("New step"),
      body: [field(t("Title"), title), kinds.element, ...(from ? [field(t("Reached by"), way)] : [])],
      confirm: t("Add"),
      wide: true,
      check: () => (title.value.trim() ? "" : t("Give it a title.")),
    });
    if (!sure) return;
    const chosen = from ? ways[Number(way.value)] : undefined;
    const { id, changes } = addition(this.code.text, this.schema, { kind: kinds.value(), title: title.value.trim(), from, path: chosen?.path ?? null });
    if (!this.change(changes)) return;
    this.soon(id);
    this.openForm(id, false);
  }

  private kindPicker(): { element: HTMLElement; value: () => string } {
    const known = this.schema.kinds().map(([kind]) => kind);
    const groups = FAMILIES.map(([family, label]) => {
      const kinds = known.filter((kind) => lookOf(kind).family === family);
      return kinds.length ? h("div", { class: "kind-group" }, h("span", { class: "section-label" }, t(label)), ...kinds.map((kind) => kindChoice(kind))) : null;
    });
    const element = h("fieldset", { class: "kinds" }, h("legend", {}, t("What it does")), ...groups);
    const first = element.querySelector<HTMLInputElement>("input[value='say']") ?? element.querySelector<HTMLInputElement>("input");
    if (first) first.checked = true;
    return { element, value: () => element.querySelector<HTMLInputElement>("input:checked")?.value ?? "say" };
  }

  private compare(from: string, to: string, heading: string): void {
    this.strip.show("changes");
    this.changes.compare(from, to, heading);
  }

  private async discard(): Promise<void> {
    await this.keeper.discard().catch((error: Error) => toast(error.message, { error: true }));
    void this.check();
  }

  private async publish(): Promise<void> {
    const published = await publish({ api: this.api, keeper: this.keeper, checked: () => this.api.check(this.code.text), ...this.places });
    if (!published) return;
    await this.keeper.reload();
    await this.check();
    if (this.strip.open === "history") await this.history.load();
  }

  private drawState(): void {
    const { keeper } = this;
    if (this.couldWrite !== keeper.mayWrite) this.refreshForm(); // its fields open and close with the text
    this.couldWrite = keeper.mayWrite;
    const words = {
      saved: !keeper.isDraft ? t("As it is live") : keeper.savedAt ? t("Draft saved {time}", { time: when(keeper.savedAt) }) : t("Draft"),
      unsaved: t("Not saved yet"),
      saving: t("Saving"),
      failed: t("Not saved: the server can't be reached. Trying again."),
    }[keeper.saving];
    setText(byId("draft-state"), words);
    byId("draft-state").classList.toggle("is-unreachable", keeper.saving === "failed");
    show(byId("discard"), keeper.isDraft && keeper.mayWrite);
    const button = byId<HTMLButtonElement>("publish");
    button.disabled = !keeper.isDraft || !keeper.mayWrite;
    const count = this.changeCount;
    setText(byId("publish-words"), !keeper.isDraft || !count ? t("Publish") : count === 1 ? t("Publish 1 change") : t("Publish {n} changes", { n: count }));
    this.drawBanners();
  }

  private drawBanners(): void {
    const banners: HTMLElement[] = [];
    const { keeper } = this;
    const { lockedBy, theirs } = keeper;
    const conflict = keeper.seen.conflict;
    if (lockedBy) banners.push(banner("lock", "is-busy", t("{name} is writing here since {time}. You can read, test and simulate.", { name: lockedBy.by, time: when(lockedBy.since) }), [[t("Take over"), () => void keeper.takeOver().catch(failed)]]));
    else if (theirs)
      banners.push(
        banner("alert-triangle", "is-unreachable", t("Somebody saved this draft meanwhile. Nothing of yours or theirs is lost: choose what stands."), [
          [t("Keep mine"), () => keeper.keepMine()],
          [t("Take theirs"), () => (keeper.takeTheirs(), void this.check())],
        ]),
      );
    if (conflict?.kind === "live_moved")
      banners.push(
        banner("git-compare", "is-busy", t("Another version went live since this draft began."), [
          [t("Show what changed"), () => this.compare(keeper.seen.base_version ?? "live", "live", t("What went live meanwhile"))],
          [t("Go on with my draft"), () => void keeper.writeOn(keeper.seen.live_version).catch(failed)],
          [t("Start again from what is live"), () => void this.discard()],
        ]),
      );
    else if (conflict)
      banners.push(
        banner("git-compare", "is-unreachable", t("The file on disk was changed, and a version published here is live. Neither was overwritten."), [
          [t("Show the difference"), () => this.compare("live", conflict.file_version, t("What the file changes in what is live"))],
          [t("Keep what is live"), () => void this.settle("page", conflict.file_version)],
          [t("Take the file"), () => void this.settle("file", conflict.file_version)],
        ]),
      );
    const key = banners.map((each) => each.textContent).join("|");
    const place = byId("banners");
    if (place.dataset["shown"] === key) return;
    place.dataset["shown"] = key;
    place.replaceChildren(...banners);
  }

  private async settle(take: "page" | "file", version: string): Promise<void> {
    try {
      await this.api.settle(take, version);
      await this.keeper.look();
      toast(take === "file" ? t("The file's version is live now; the other one is in the history.") : t("What was live stays; the file's version is in the history."));
      void this.countChanges();
    } catch (error) {
      failed(error as Error);
    }
  }

  /** The bar above the strip changes its height, by pointer and by keys. */
  private resizable(): void {
    const bar = byId("strip-bar");
    const editor = byId("editor");
    const set = (height: number): void => {
      const kept = Math.round(Math.min(innerHeight * 0.7, Math.max(120, height)));
      editor.style.setProperty("--strip-height", `${kept}px`);
      bar.setAttribute("aria-valuenow", String(kept));
    };
    bar.addEventListener("pointerdown", (event) => {
      bar.setPointerCapture(event.pointerId);
      const move = (at: PointerEvent): void => set(editor.getBoundingClientRect().bottom - at.clientY);
      bar.addEventListener("pointermove", move);
      bar.addEventListener("pointerup", () => bar.removeEventListener("pointermove", move), { once: true });
    });
    bar.addEventListener("keydown", (event) => {
      const step = { ArrowUp: 24, ArrowDown: -24 }[event.key];
      if (!step) return;
      set(byId("strip").getBoundingClientRect().height + step);
      event.preventDefault();
    });
  }
}

function failed(error: Error): void {
  toast(error.message, { error: true });
}

function kindChoice(kind: string): HTMLElement {
  const look = lookOf(kind);
  return h("label", { class: "kind-choice" }, h("input", { type: "radio", name: "kind", value: kind }), h("span", { class: `form-mark is-${look.family}` }, icon(look.icon)), h("span", {}, h("strong", {}, wordOf(kind)), h("span", { class: "faint tiny" }, look.does ? t(look.does) : "")));
}

function banner(picture: string, look: string, words: string, deeds: [string, () => void][]): HTMLElement {
  return h("div", { class: `banner ${look}`, role: "alert" }, icon(picture), h("p", {}, words), ...deeds.map(([label, act]) => h("button", { type: "button", class: "btn btn-small", onclick: act }, label)));
}

function marksOf(played: Simulation): Marks {
  return {
    passed: new Set(played.steps.flatMap((step) => step.nodes)),
    taken: new Set(played.steps.flatMap((step) => step.edges.map(([from, to]) => `${from} ${to}`))),
    here: played.node,
  };
}

function changesOf(diff: Diff): Map<string, "added" | "removed" | "changed"> {
  return new Map(diff.changes.filter((change) => change.node).map((change) => [change.node, change.how]));
}

export function trafficMarks(traffic: Traffic, graph: Graph): Marks {
  const notes = new Map<string, { text: string; bad: boolean }>();
  for (const step of traffic.nodes) {
    if (!step.entered) continue;
    const lost = Math.round((step.hung_up / step.entered) * 100);
    const confused = Math.round((step.no_match / Math.max(1, step.answers + step.no_match)) * 100);
    const words = [t("{n} calls", { n: step.entered }), lost ? t("{share} left", { share: `${lost} %` }) : "", confused ? t("{share} not understood", { share: `${confused} %` }) : ""];
    notes.set(step.id, { text: words.filter(Boolean).join(" · "), bad: lost >= 20 || confused >= 20 });
  }
  const counts = countsOfWays(traffic, graph);
  return { counts, also: new Set(counts.keys()), notes };
}

export type { Graph };

void call<Schema>("GET", "/admin/flows/schema.json")
  .then((schema) => new Editor(schema))
  .catch((error: Error) => toast(error.message, { error: true }));

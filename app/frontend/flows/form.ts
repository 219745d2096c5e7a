/** The chosen step as a form: its words in every language, its ways, its choices; what the form does not know is one press away in the text. */
import { h, icon } from "../lib/dom.ts";
import { t } from "../lib/texts.ts";
import type { Code } from "./code.ts";
import { accepts, meaning } from "./complete.ts";
import { StepText, languagesOf, type Value } from "./edit.ts";
import { field as labelled, select } from "./dialogs.ts";
import { fieldWord, lookOf, wordOf } from "./kinds.ts";
import { freeKey, itemWithTarget, keyValue } from "./steps.ts";
import type { Names } from "./complete.ts";
import type { FlowSchema, Path, Schema } from "./schema.ts";
import type { Fault, Graph } from "./types.ts";

export interface Deeds {
  rename(id: string): void;
  remove(id: string): void;
  connect(id: string): void;
  add(id: string, path?: Path): void;
  show(id: string): void;
  close(): void;
}

const NEW_STEP = "+new";
/** What people change most, in the order they think of it. */
const COMMON = ["title", "text", "prompt", "say", "before", "queue", "mailbox", "flow", "choices", "when", "next", "open", "closed", "otherwise", "no_input", "no_match", "unanswered", "fallback"];

export class StepForm {
  readonly element: HTMLElement;
  private readonly schema: FlowSchema;
  private readonly code: Code;
  private readonly names: Names;
  private readonly deeds: Deeds;
  private graph: Graph = { start: null, fallback: null, nodes: [], edges: [] };
  private faults: Fault[] = [];
  private id: string | null = null;
  private drawn = "";
  private moreOpen = false;

  constructor(element: HTMLElement, schema: FlowSchema, code: Code, names: Names, deeds: Deeds) {
    this.element = element;
    this.schema = schema;
    this.code = code;
    this.names = names;
    this.deeds = deeds;
    element.addEventListener("keydown", (event) => {
      const isUndo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
      const isRedo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "y";
      if (event.key === "Escape") this.deeds.close();
      else if (isUndo && event.shiftKey) this.code.redo();
      else if (isUndo) this.code.undo();
      else if (isRedo) this.code.redo();
      else return;
      event.preventDefault();
    });
  }

  show(id: string | null, graph: Graph, faults: Fault[]): void {
    const isOther = id !== this.id;
    [this.id, this.graph, this.faults] = [id, graph, faults];
    this.refresh(isOther);
  }

  focus(): void {
    this.element.querySelector<HTMLElement>("textarea, input, select")?.focus();
  }

  /** Draw again when the step's text, the steps there are, or its faults changed; never while somebody writes in it the very words that changed. */
  refresh(force = false): void {
    const step = this.id === null ? null : StepText.of(this.code.text, this.id);
    if (!step || this.id === null) {
      this.drawn = "";
      this.element.replaceChildren();
      return;
    }
    const own = this.code.text.slice(step.block.from, step.block.to);
    const key = JSON.stringify([own, this.graph.nodes.map((node) => [node.id, node.title]), this.ownFaults(), this.code.view.state.readOnly]);
    if (key === this.drawn && !force) return;
    const isWriting = this.element.contains(document.activeElement) && document.activeElement?.matches("textarea, input");
    if (isWriting && !force) {
      this.updateValues(step);
      this.drawFaults();
      return;
    }
    this.drawn = key;
    this.draw(this.id, step);
  }

  private ownFaults(): Fault[] {
    return this.faults.filter((fault) => fault.node === this.id);
  }

  /** Undo, or another writer, changed words that stand in a field which has the focus. */
  private updateValues(step: StepText): void {
    for (const control of this.element.querySelectorAll<HTMLInputElement>("[data-path]")) {
      const value = step.value(JSON.parse(control.dataset["path"] ?? "[]") as Path);
      const shown = Array.isArray(value) ? value.join(", ") : String(value ?? "");
      if (typeof value !== "object" || Array.isArray(value)) if (control.dataset["sent"] !== shown && control.type !== "checkbox") control.value = shown;
    }
  }

  private draw(id: string, step: StepText): void {
    const kind = step.kind ?? "";
    const model = this.schema.kind(kind);
    const writing = document.activeElement instanceof HTMLElement && this.element.contains(document.activeElement) ? document.activeElement.dataset["path"] : null;
    const fields = Object.entries(model?.properties ?? {}).filter(([name]) => name !== "kind" && name !== "id");
    const isCommon = ([name, field]: [string, Schema]): boolean => COMMON.includes(name) || step.value([name]) !== undefined || (model?.required?.includes(name) ?? false) || (this.schema.isTarget(field) && step.value([name]) !== undefined);
    const place = (name: string): number => (COMMON.includes(name) ? COMMON.indexOf(name) : COMMON.length);
    const common = fields.filter(isCommon).sort(([one], [other]) => place(one) - place(other));
    const more = fields.filter((each) => !isCommon(each));
    const details = h("details", { class: "form-more" }, h("summary", {}, t("More settings")), ...more.map(([name, field]) => this.control(step, [name], field, false)));
    details.open = this.moreOpen;
    details.addEventListener("toggle", () => (this.moreOpen = details.open));
    this.element.replaceChildren(
      this.head(id, kind),
      h("div", { class: "form-faults", "aria-live": "polite" }),
      ...(model ? [] : [h("p", { class: "muted small" }, t("This step's kind is not known yet. Write one after “kind:” in the text."))]),
      h("fieldset", { class: "form-fields", disabled: this.code.view.state.readOnly }, ...common.map(([name, field]) => this.control(step, [name], field, model?.required?.includes(name) ?? false)), more.length ? details : null),
    );
    this.drawFaults();
    if (writing) this.element.querySelector<HTMLElement>(`[data-path='${writing}']`)?.focus();
  }

  private drawFaults(): void {
    this.element.querySelector(".form-faults")?.replaceChildren(
      ...this.ownFaults().map((fault) =>
        h("p", { class: fault.severity === "error" ? "form-fault is-unreachable" : "form-fault is-busy" }, icon(fault.severity === "error" ? "alert-circle" : "alert-triangle", "icon icon-small"), h("span", {}, fault.message)),
      ),
    );
  }

  private head(id: string, kind: string): HTMLElement {
    const look = lookOf(kind);
    const title = this.graph.nodes.find((node) => node.id === id)?.title ?? id;
    const button = (name: string, label: string, act: () => void, chord: string): HTMLElement =>
      h("button", { type: "button", class: "btn btn-quiet btn-small btn-icon", "aria-label": label, title: `${label} (${chord})`, onclick: act }, icon(name));
    return h(
      "header",
      { class: "form-head" },
      h("span", { class: `form-mark is-${look.family}` }, icon(look.icon)),
      h("div", { class: "grow" }, h("h2", { class: "clip" }, title), h("p", { class: "faint tiny clip" }, `${wordOf(kind)} · ${id}`)),
      button("pencil", t("Rename"), () => this.deeds.rename(id), "F2"),
      button("route", t("Connect"), () => this.deeds.connect(id), "C"),
      button("trash", t("Delete"), () => this.deeds.remove(id), t("Delete key")),
      button("x", t("Close"), () => this.deeds.close(), "Esc"),
    );
  }

  private control(step: StepText, path: Path, field: Schema, required: boolean): HTMLElement {
    const name = String(path[path.length - 1]);
    if (this.schema.isTarget(field)) return this.targetField(step, path, required);
    if (this.schema.isText(field)) return this.textField(step, path);
    const item = itemWithTarget(this.schema, field);
    if (item) return this.listField(step, path, field, item);
    const values = this.schema.values(this.schema.branches(field));
    const branches = this.schema.branches(field);
    const has = (type: string): boolean => branches.some((each) => each.type === type);
    const help = meaning(this.schema, field);
    if (values.length && !has("object"))
      return this.chosenField(step, path, values, field, help);
    if (has("object") || has("array")) return this.elsewhere(step, name, field);
    if (has("integer") || has("number")) return this.numberField(step, path, field, help);
    return this.plainField(step, path, field, help);
  }

  private write(path: Path, value: Value | undefined): void {
    const step = this.id === null ? null : StepText.of(this.code.text, this.id);
    if (step) this.code.change(step.set(path, value), { together: true });
  }

  private plainField(step: StepText, path: Path, field: Schema, help: string): HTMLElement {
    const name = String(path[path.length - 1]);
    const list = name === "queue" || name === "mailbox" ? this.names.queues : name === "flow" ? this.names.flows : [];
    const input = h("input", { type: "text", "data-path": JSON.stringify(path), value: String(step.value(path) ?? ""), autocomplete: "off", placeholder: field.default ? String(field.default) : "" });
    const options = list.length ? h("datalist", { id: `list-${name}` }, ...list.map((each) => h("option", { value: each }))) : null;
    if (options) input.setAttribute("list", options.id);
    input.addEventListener("input", () => this.typed(input, path, input.value || undefined));
    const box = labelled(fieldWord(name), input, help);
    if (options) box.append(options);
    return box;
  }

  private typed(control: HTMLInputElement | HTMLTextAreaElement, path: Path, value: Value | undefined): void {
    control.dataset["sent"] = control.value;
    this.write(path, value);
  }

  private numberField(step: StepText, path: Path, field: Schema, help: string): HTMLElement {
    const numbers = this.schema.branches(field).find((each) => each.type === "integer" || each.type === "number") ?? field;
    const input = h("input", { type: "number", class: "form-control", "data-path": JSON.stringify(path), value: String(step.value(path) ?? ""), min: numbers.minimum, max: numbers.maximum, step: numbers.type === "integer" ? 1 : "any", placeholder: field.default === null ? "" : String(field.default ?? "") });
    input.addEventListener("input", () => this.typed(input, path, input.value === "" ? undefined : Number(input.value)));
    return labelled(fieldWord(String(path[path.length - 1])), input, help);
  }

  private chosenField(step: StepText, path: Path, values: string[], field: Schema, help: string): HTMLElement {
    const unset: [string, string] = ["", t("As usual ({value})", { value: String(field.default ?? "-") })];
    const value = step.value(path);
    const made = select([unset, ...values.map((each): [string, string] => [each, each])], value === undefined || value === null ? "" : String(value));
    made.dataset["path"] = JSON.stringify(path);
    const typed = (chosen: string): Value | undefined => (chosen === "" ? undefined : chosen === "true" ? true : chosen === "false" ? false : chosen);
    made.addEventListener("change", () => this.write(path, typed(made.value)));
    return labelled(fieldWord(String(path[path.length - 1])), made, help);
  }

  private steps(): [string, string][] {
    return this.graph.nodes.map((node) => [node.id, node.title && node.title !== node.id ? `${node.title} (${node.id})` : node.id]);
  }

  private targetSelect(path: Path, to: unknown, required: boolean): HTMLSelectElement {
    const known = this.steps();
    const missing: [string, string][] = typeof to === "string" && !known.some(([id]) => id === to) ? [[to, t("{step} (does not exist)", { step: to })]] : [];
    const free: [string, string][] = required && to !== undefined ? [] : [["", t("The fallback")]];
    const made = select([...free, ...missing, ...known, [NEW_STEP, t("New step…")]], typeof to === "string" ? to : "");
    made.dataset["path"] = JSON.stringify(path);
    made.addEventListener("change", () => {
      if (made.value === NEW_STEP) {
        made.value = typeof to === "string" ? to : "";
        this.deeds.add(this.id ?? "", path);
      } else this.write(path, made.value || undefined);
    });
    return made;
  }

  private targetField(step: StepText, path: Path, required: boolean): HTMLElement {
    const to = step.value(path);
    const box = labelled(fieldWord(String(path[path.length - 1])), this.targetSelect(path, to, required));
    box.classList.add("field-target");
    if (typeof to === "string")
      box.append(h("button", { type: "button", class: "btn btn-quiet btn-small btn-icon", "aria-label": t("Show {step}", { step: to }), onclick: () => this.deeds.show(to) }, icon("arrow-right")));
    return box;
  }

  /** One box for each language; a prompt made of parts has one for each text of each part. */
  private textField(step: StepText, path: Path): HTMLElement {
    const name = fieldWord(String(path[path.length - 1]));
    const value = step.value(path);
    const group = h("div", { class: "field", role: "group", "aria-label": name }, h("span", { class: "form-label" }, name));
    const parts = Array.isArray(value) ? value : null;
    if (!parts) group.append(...this.languageBoxes(path, value));
    parts?.forEach((part: unknown, at) => {
      const inner = typeof part === "string" ? [...path, at] : [...path, at, "say"];
      const said = typeof part === "string" ? part : (part as { say?: unknown })?.say;
      if (said !== undefined) group.append(...((part as { language?: string })?.language ? [this.textBox(inner, said, (part as { language: string }).language)] : this.languageBoxes(inner, said)));
      else group.append(h("p", { class: "faint tiny" }, t("Recording: {address}", { address: JSON.stringify((part as { play?: unknown })?.play) })));
    });
    return group;
  }

  private languageBoxes(path: Path, value: unknown): HTMLElement[] {
    const languages = languagesOf(this.code.text);
    const isMap = value !== null && typeof value === "object";
    const texts = isMap ? (value as Record<string, string>) : {};
    const shown = [...new Set([...languages, ...Object.keys(texts)])];
    return shown.map((language, at) => {
      const own = isMap ? texts[language] : at === 0 ? value : undefined;
      const box = isMap ? this.textBox([...path, language], own, language) : this.textBox(path, own, language);
      const area = box.querySelector("textarea");
      if (!isMap) area?.setAttribute("data-path", JSON.stringify(at === 0 ? path : [...path, language]));
      area?.addEventListener("input", () => this.said(area, path, language, languages, at));
      return box;
    });
  }

  private textBox(path: Path, value: unknown, language: string): HTMLElement {
    const words = typeof value === "string" ? value : "";
    const area = h("textarea", { rows: Math.min(6, Math.max(2, Math.ceil(words.length / 38))), "data-path": JSON.stringify(path), lang: language, dir: "auto", "aria-label": t("{field}, {language}", { field: fieldWord(String(path.find((each) => typeof each === "string"))), language }) }, words);
    area.value = words;
    if (path[path.length - 1] === "say") area.addEventListener("input", () => this.typed(area, path, area.value));
    return h("div", { class: "language-box" }, h("span", { class: "language-tag", "aria-hidden": "true" }, language), area);
  }

  private said(area: HTMLTextAreaElement, path: Path, language: string, languages: string[], at: number): void {
    area.dataset["sent"] = area.value;
    const step = this.id === null ? null : StepText.of(this.code.text, this.id);
    if (!step) return;
    const now = step.value(path);
    if (now !== null && typeof now === "object" && !Array.isArray(now)) {
      const rest = Object.keys(now).filter((each) => each !== language);
      this.write(rest.length || area.value ? [...path, language] : path, area.value || undefined);
    } else if (at === 0 && (languages.length === 1 || typeof now === "string")) this.write(path, area.value || undefined);
    else this.write(path, { ...(typeof now === "string" && languages[0] ? { [languages[0]]: now } : {}), [language]: area.value });
  }

  /** Choices of a menu, cases of a branch: one row each. */
  private listField(step: StepText, path: Path, field: Schema, target: string): HTMLElement {
    const name = String(path[path.length - 1]);
    const list = step.value(path);
    const rows = (Array.isArray(list) ? list : []).map((item: Record<string, unknown>, at) => this.listRow(step, [...path, at], field, item, target));
    const isMenu = name === "choices";
    const add = h("button", { type: "button", class: "btn btn-small", onclick: () => this.addRow(path, target, isMenu) }, icon("plus"), isMenu ? t("Add a choice") : t("Add a case"));
    return h("div", { class: "field", role: "group", "aria-label": fieldWord(name) }, h("span", { class: "form-label" }, fieldWord(name)), h("div", { class: "form-rows" }, ...rows), add);
  }

  private addRow(path: Path, target: string, isMenu: boolean): void {
    if (isMenu) return this.deeds.add(this.id ?? "", [...path, "+", target]);
    const step = this.id === null ? null : StepText.of(this.code.text, this.id);
    const first = this.graph.fallback ?? this.graph.nodes[0]?.id ?? "";
    if (step) this.code.change(step.append(path, { if: "customer.is_known", [target]: first }));
  }

  private listRow(step: StepText, path: Path, field: Schema, item: Record<string, unknown>, target: string): HTMLElement {
    const model = this.schema.branches(field).flatMap((each) => (each.items ? this.schema.branches(each.items) : [])).find((each) => each.properties);
    const parts: HTMLElement[] = [];
    for (const [name, inner] of Object.entries(model?.properties ?? {})) {
      if (name === target) continue;
      if (this.schema.isWords(inner)) parts.push(...this.wordFields(step, [...path, name]));
      else if (name === "key" || this.schema.branches(inner).some((each) => each.type === "string" || each.type === "number" || each.type === "integer")) parts.push(this.rowInput(step, [...path, name], name));
    }
    const label = item["key"] ? t("Key {key}", { key: String(item["key"]) }) : String(item["if"] ?? "");
    const to = item[target];
    return h(
      "div",
      { class: "form-row" },
      h("div", { class: "form-row-head" }, ...parts.splice(0, 1), h("span", { class: "row-arrow", "aria-hidden": "true" }, "→"), withLabel(this.targetSelect([...path, target], to, true), t("Where {choice} leads", { choice: label })),
        h("button", { type: "button", class: "btn btn-quiet btn-small btn-icon", "aria-label": t("Remove {choice}", { choice: label }), onclick: () => this.code.change(StepText.of(this.code.text, this.id ?? "")?.set(path, undefined) ?? []) }, icon("trash"))),
      ...parts,
    );
  }

  private rowInput(step: StepText, path: Path, name: string): HTMLElement {
    const value = step.value(path);
    const input = h("input", { type: "text", class: name === "key" ? "key-input num" : "", maxlength: name === "key" ? 1 : 400, "data-path": JSON.stringify(path), value: String(value ?? ""), "aria-label": name === "key" ? t("Key") : name === "if" ? t("Condition") : fieldWord(name), autocomplete: "off" });
    const sent = (): Value | undefined => (input.value === "" ? undefined : name === "key" ? keyValue(input.value) : typeof value === "number" ? Number(input.value) : input.value);
    input.addEventListener("input", () => this.typed(input, path, sent()));
    return input;
  }

  private wordFields(step: StepText, path: Path): HTMLElement[] {
    const value = step.value(path);
    const languages = languagesOf(this.code.text);
    const lists = Array.isArray(value) ? { [languages[0] ?? "en"]: value } : ((value ?? {}) as Record<string, string[]>);
    return [...new Set([...languages, ...Object.keys(lists)])].map((language) => {
      const own = Array.isArray(value) ? path : [...path, language];
      const input = h("input", { type: "text", "data-path": JSON.stringify(own), value: (lists[language] ?? []).join(", "), lang: language, placeholder: t("words, with commas between"), "aria-label": t("Words in {language}", { language }), autocomplete: "off" });
      input.addEventListener("input", () => {
        const words = input.value.split(/[,，、]/).map((each) => each.trim()).filter(Boolean);
        this.typed(input, own, words.length ? words : undefined);
      });
      return h("div", { class: "language-box" }, h("span", { class: "language-tag", "aria-hidden": "true" }, language), input);
    });
  }

  private elsewhere(step: StepText, name: string, field: Schema): HTMLElement {
    const value = step.value([name]);
    const words = value === undefined ? t("not set") : JSON.stringify(value);
    const go = h("button", { type: "button", class: "btn btn-quiet btn-small", onclick: () => this.code.goTo(this.lineOf(step, name)) }, icon("file-text"), t("Edit in the text"));
    return h("div", { class: "field" }, h("span", { class: "form-label" }, fieldWord(name)), h("p", { class: "faint tiny form-raw", title: accepts(this.schema, field) }, words.length > 160 ? `${words.slice(0, 160)}…` : words), go);
  }

  private lineOf(step: StepText, name: string): number {
    const own = this.code.text.slice(step.block.from, step.block.to).split("\n");
    const at = own.findIndex((line) => line.trimStart().startsWith(`${name}:`));
    return step.block.line + Math.max(0, at);
  }
}

function withLabel(control: HTMLElement, label: string): HTMLElement {
  control.setAttribute("aria-label", label);
  return control;
}

export { freeKey };

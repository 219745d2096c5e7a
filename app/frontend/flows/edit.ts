/**
 * Changes to a flow's text that touch what they change and nothing else: comments, order, quotes and blank lines of the rest stay byte for byte.
 *
 * Every function gives a list of replacements in the text it was given; the editor makes one step of undo from them.
 */
import { Document, isAlias, isMap, isPair, isScalar, isSeq, parseDocument, visit, type Pair, type YAMLMap, type YAMLSeq } from "yaml";
import { blockOf, outline, type Block } from "./outline.ts";
import type { FlowSchema, Path, Schema } from "./schema.ts";

export interface Replacement {
  from: number;
  to: number;
  insert: string;
}

export type Value = string | number | boolean | null | Value[] | { [name: string]: Value };

/** A place that names another step: `choices`, 0, `to`. */
export interface TargetPlace {
  path: Path;
  to: string;
  from: number;
  end: number;
}

/** The text after the replacements; they may come in any order and must not overlap. */
export function applied(text: string, changes: Replacement[]): string {
  return [...changes]
    .sort((one, other) => other.from - one.from || other.to - one.to)
    .reduce((now, { from, to, insert }) => now.slice(0, from) + insert + now.slice(to), text);
}

/** One step of the file, read alone: quick in a file of any length, and possible beside broken steps. */
export class StepText {
  private readonly text: string;
  readonly block: Block;
  private readonly doc: Document;

  private constructor(text: string, block: Block) {
    this.text = text;
    this.block = block;
    this.doc = parseDocument(text.slice(block.from, block.to), { keepSourceTokens: false, logLevel: "silent" }) as unknown as Document;
  }

  static of(text: string, id: string): StepText | null {
    const block = blockOf(outline(text), id);
    return block && new StepText(text, block);
  }

  static at(text: string, block: Block): StepText {
    return new StepText(text, block);
  }

  get isReadable(): boolean {
    return this.doc.errors.length === 0 && isMap(this.map);
  }

  private get map(): unknown {
    return (this.doc.contents as YAMLMap | null)?.items?.[0]?.value;
  }

  get kind(): string | null {
    const kind = this.value(["kind"]);
    return typeof kind === "string" ? kind : null;
  }

  /** What stands at a place of the step, aliases followed where the step holds their anchor; undefined when nothing does. */
  value(path: Path): unknown {
    const node = this.node(path);
    if (node === undefined) return undefined;
    if (isScalar(node)) return node.value;
    if (isAlias(node)) return `*${node.source}`;
    try {
      return (node as YAMLMap).toJS(this.doc);
    } catch {
      return undefined; // an alias whose anchor stands in another step
    }
  }

  private node(path: Path): unknown {
    let now: unknown = this.map;
    for (const part of path) {
      if (isMap(now)) now = pairOf(now, part)?.value ?? undefined;
      else if (isSeq(now) && typeof part === "number") now = now.items[part];
      else return undefined;
    }
    return now;
  }

  /** Every place of the step that names another step. */
  targets(schema: FlowSchema): TargetPlace[] {
    const kind = schema.kind(this.kind ?? "");
    if (!kind) return [];
    const found: TargetPlace[] = [];
    const walk = (node: unknown, schemas: Schema[], path: Path): void => {
      if (isScalar(node) && typeof node.value === "string" && node.range && schemas.some((each) => each.format === "node-id"))
        found.push({ path, to: node.value, from: this.block.from + node.range[0], end: this.block.from + node.range[1] });
      if (isMap(node))
        for (const pair of node.items) {
          const name = isScalar(pair.key) ? String(pair.key.value) : "";
          walk(pair.value, below(schema, schemas, name), [...path, name]);
        }
      if (isSeq(node)) node.items.forEach((item, at) => walk(item, below(schema, schemas, at), [...path, at]));
    };
    walk(this.map, schema.branches(kind), []);
    return found;
  }

  /** Put a value at a place; `undefined` takes the field away. Mappings on the way are made when they are missing. */
  set(path: Path, value: Value | undefined): Replacement[] {
    const known = this.deepest(path);
    if (known.rest.length === 0) return value === undefined ? this.remove(path) : this.replace(path, value);
    if (value === undefined) return [];
    const made = known.rest.slice(1).reduceRight<Value>((inner, part) => (typeof part === "number" ? [inner] : { [part]: inner }), value);
    const name = known.rest[0];
    if (isMap(known.node) && typeof name === "string") return this.addField(known.node, name, made);
    if (isSeq(known.node)) return this.addItem(known.node, made, known.path);
    return this.replace(known.path, typeof name === "number" ? [made] : { [String(name)]: made });
  }

  /** Put one more item at the end of a list; the list is made when it is missing. */
  append(path: Path, value: Value): Replacement[] {
    const list = this.node(path);
    if (isSeq(list) && list.items.length) return this.addItem(list, value, path);
    return this.set(path, [value]);
  }

  private deepest(path: Path): { node: unknown; path: Path; rest: Path } {
    for (let length = path.length; length > 0; length -= 1) {
      const node = this.node(path.slice(0, length));
      if (node !== undefined) return { node, path: path.slice(0, length), rest: path.slice(length) };
    }
    return { node: this.map, path: [], rest: path };
  }

  private get source(): string {
    return this.text.slice(this.block.from, this.block.to);
  }

  private change(from: number, to: number, insert: string): Replacement {
    return { from: this.block.from + from, to: this.block.from + to, insert };
  }

  private replace(path: Path, value: Value): Replacement[] {
    const node = this.node(path) as { range?: [number, number, number] | null; flow?: boolean; type?: string } | undefined;
    const parent = this.node(path.slice(0, -1));
    const inFlow = this.inFlow(path);
    const last = path[path.length - 1];
    const pair = isMap(parent) ? pairOf(parent, last ?? "") : null;
    const simple = isScalar(node) && node.range && node.range[1] > node.range[0] && !isBlockScalar(node);
    if (simple && !isCollection(value) && (inFlow || !String(value).includes("\n")))
      return [this.change(node.range![0], node.range![1], inFlow ? inline(value) : oneLine(value, quoteOf(node)))];
    if (!pair) {
      const [start, end] = node?.range ?? [0, 0];
      return [this.change(start, end, inline(value))];
    }
    const keyEnd = (pair.key as { range: [number, number, number] }).range[1];
    const colon = this.source.indexOf(":", keyEnd) + 1;
    const valueEnd = node?.range ? this.saidUntil(colon, node.range[1]) : colon;
    const column = this.columnOf((pair.key as { range: [number, number, number] }).range[0]);
    return [this.change(colon, Math.max(colon, valueEnd), inFlow ? ` ${inline(value)}` : after(value, column))];
  }

  /** The end of a value without the white space that its range may hold. */
  private saidUntil(from: number, end: number): number {
    return from + this.source.slice(from, end).trimEnd().length;
  }

  private addField(map: YAMLMap, name: string, value: Value): Replacement[] {
    const keyed = stringKey(name);
    if (map.flow) return [this.beforeClosing(map, `${keyed}: ${inline(value)}`)];
    const first = map.items[0]?.key as { range?: [number, number, number] } | undefined;
    if (!first?.range) return [];
    const column = this.columnOf(first.range[0]);
    return [this.afterLine(this.endOf(map), `\n${" ".repeat(column)}${keyed}:${after(value, column)}`)];
  }

  private addItem(list: YAMLSeq, value: Value, path: Path): Replacement[] {
    if (list.flow || list.items.length === 0) {
      if (list.flow) return [this.beforeClosing(list, inline(value))];
      return this.replace(path, [value]);
    }
    const first = list.items[0] as { range?: [number, number, number] };
    const start = first.range?.[0] ?? 0;
    const lineStart = this.source.lastIndexOf("\n", start - 1) + 1;
    const dash = this.source.slice(lineStart, start).lastIndexOf("-");
    return [this.afterLine(this.endOf(list), `\n${" ".repeat(dash)}${item(value, dash)}`)];
  }

  private beforeClosing(node: YAMLMap | YAMLSeq, insert: string): Replacement {
    const range = node.range as [number, number, number];
    const close = range[1] - 1;
    const said = this.saidUntil(0, close);
    const isEmpty = node.items.length === 0;
    return this.change(said, said, isEmpty ? insert : `, ${insert}`);
  }

  private afterLine(end: number, insert: string): Replacement {
    const line = this.source.indexOf("\n", end);
    const at = line < 0 ? this.source.length : line;
    return this.change(at, at, insert);
  }

  /** Where the last thing of a collection ends. */
  private endOf(node: unknown): number {
    if ((isMap(node) || isSeq(node)) && !node.flow && node.items.length) {
      const last = node.items[node.items.length - 1];
      if (isPair(last)) {
        const key = (last.key as { range: [number, number, number] }).range[1];
        return last.value ? Math.max(key, this.endOf(last.value)) : key;
      }
      return this.endOf(last);
    }
    const range = (node as { range?: [number, number, number] | null } | null)?.range;
    return range ? this.saidUntil(0, range[1]) : 0;
  }

  private remove(path: Path): Replacement[] {
    const parent = this.node(path.slice(0, -1));
    const last = path[path.length - 1];
    if (isSeq(parent) && typeof last === "number") return this.removeItem(parent, last, path.slice(0, -1));
    if (!isMap(parent)) return [];
    const at = parent.items.findIndex((pair) => keyText(pair) === String(last));
    if (at < 0) return [];
    if (parent.items.length === 1 && path.length > 1) return this.replace(path.slice(0, -1), {});
    const starts = parent.items.map((pair) => (pair.key as { range: [number, number, number] }).range[0]);
    const start = starts[at]!;
    if (parent.flow) {
      if (at + 1 < starts.length) return [this.change(start, starts[at + 1]!, "")];
      const before = parent.items[at - 1];
      return [this.change(this.endOf(before?.value ?? before?.key), this.endOf(parent.items[at]?.value ?? parent.items[at]?.key), "")];
    }
    const lineStart = this.source.lastIndexOf("\n", start - 1) + 1;
    const isFirstOfItem = this.source.slice(lineStart, start).trim() !== "";
    if (isFirstOfItem) return [this.change(start, starts[at + 1]!, "")];
    const end = this.endOf(parent.items[at]?.value ?? parent.items[at]?.key);
    const line = this.source.indexOf("\n", Math.max(end, start));
    // The last field of the step has no line below it in this piece: its own line break goes instead.
    return line < 0 ? [this.change(Math.max(0, lineStart - 1), this.source.length, "")] : [this.change(lineStart, line + 1, "")];
  }

  private removeItem(list: YAMLSeq, at: number, path: Path): Replacement[] {
    if (list.items.length === 1) return this.replace(path, []);
    const node = list.items[at] as { range: [number, number, number] } | undefined;
    if (!node) return [];
    if (list.flow) {
      const next = list.items[at + 1] as { range: [number, number, number] } | undefined;
      if (next) return [this.change(node.range[0], next.range[0], "")];
      return [this.change(this.endOf(list.items[at - 1]), this.endOf(node), "")];
    }
    const lineStart = this.source.lastIndexOf("\n", node.range[0] - 1) + 1;
    const line = this.source.indexOf("\n", this.endOf(node));
    return line < 0 ? [this.change(Math.max(0, lineStart - 1), this.source.length, "")] : [this.change(lineStart, line + 1, "")];
  }

  private inFlow(path: Path): boolean {
    for (let length = 0; length < path.length; length += 1) {
      const node = this.node(path.slice(0, length)) as { flow?: boolean } | undefined;
      if (node?.flow) return true;
    }
    return false;
  }

  private columnOf(offset: number): number {
    return offset - (this.source.lastIndexOf("\n", offset - 1) + 1);
  }
}

/** Give a step another id, everywhere it is named. */
export function renameStep(text: string, schema: FlowSchema, old: string, next: string): Replacement[] {
  const found = outline(text);
  const block = blockOf(found, old);
  if (!block) return [];
  const changes: Replacement[] = [{ from: block.idFrom, to: block.idTo, insert: next }];
  changes.push(...retarget(text, schema, old, next), ...inTestCalls(text, found.until, old, next));
  return changes;
}

/** Test calls that stand after the steps name a step by `visits`, as their end, and where they say what it is answered or how it splits. */
function inTestCalls(text: string, from: number, old: string, next: string): Replacement[] {
  const places: Replacement[] = [];
  const rename = (named: unknown): void => {
    if (isScalar(named) && named.value === old && named.range) places.push({ from: from + named.range[0], to: from + named.range[1], insert: next });
  };
  visit(parseDocument(text.slice(from), { logLevel: "silent" }), {
    Pair(_, { key, value }: Pair, above) {
      const parent = above.findLast(isPair)?.key;
      const inside = isScalar(parent) ? parent.value : null;
      const name = isScalar(key) ? key.value : null;
      if (name === "visits" || (name === "node" && inside === "ends")) rename(value);
      if (inside === "lookups" || inside === "chance") rename(key);
    },
  });
  return places;
}

/** Everything that leads to one step leads to another one. */
export function retarget(text: string, schema: FlowSchema, old: string, next: string): Replacement[] {
  const places = outline(text).blocks.flatMap((block) =>
    text.slice(block.from, block.to).includes(old) ? StepText.at(text, block).targets(schema) : [],
  );
  const inSteps = places.filter((place) => place.to === old).map(({ from, end }) => ({ from, to: end, insert: next }));
  return [...inSteps, ...headFields(text).filter((each) => each.value === old).map(({ from, to }) => ({ from, to, insert: next }))];
}

/** `start` and `fallback` of the file's head. */
export function headFields(text: string): { name: string; value: string; from: number; to: number }[] {
  return [...text.matchAll(/^(start|fallback)(\s*:\s*)("[^"\n]*"|'[^'\n]*'|[^\s#][^#\n]*?)\s*(?:#.*)?$/gm)].map((match) => {
    const from = match.index + match[1]!.length + match[2]!.length;
    return { name: match[1]!, value: match[3]!.replace(/^["']|["']$/g, ""), from, to: from + match[3]!.length };
  });
}

/** The languages of the file's head, the default first. */
export function languagesOf(text: string): string[] {
  const head = text.split(/^nodes\s*:/m)[0] ?? "";
  const found = parseDocument(head, { logLevel: "silent" }).get("languages");
  const list = isSeq(found) ? found.items.map((item) => String(isScalar(item) ? item.value : item)) : [];
  return list.length ? list : ["en"];
}

/** Take a step away. What led to it leads where it led when that is one place; otherwise the file's problems say what hangs loose. */
export function deleteStep(text: string, schema: FlowSchema, id: string): Replacement[] {
  const found = outline(text);
  const block = blockOf(found, id);
  if (!block) return [];
  const onward = [...new Set(StepText.at(text, block).targets(schema).map((place) => place.to))].filter((to) => to !== id);
  const rest = onward.length === 1 ? retarget(text, schema, id, onward[0]!) : [];
  const outside = rest.filter((change) => change.to <= block.from || change.from >= block.to);
  return [cutBlock(text, block), ...outside];
}

/** The step's lines, the comment that stands right above it, and one of the blank lines around it. */
function cutBlock(text: string, block: Block): Replacement {
  const lines = text.slice(0, block.from).split("\n");
  lines.pop();
  let above = lines.length;
  while (above > 0 && /^\s+#/.test(lines[above - 1] ?? "")) above -= 1;
  const isOwn = above === lines.length || /^\s*$|^nodes\s*:/.test(lines[above - 1] ?? "");
  const kept = isOwn ? lines.slice(0, above) : lines;
  let from = kept.join("\n").length + (kept.length ? 1 : 0);
  let to = Math.min(text.length, block.to + 1);
  if (/^\s*\n/.test(text.slice(to)) && text[to] === "\n") to += 1;
  else if (to >= text.length && text.slice(0, from).endsWith("\n\n")) from -= 1;
  return { from, to, insert: "" };
}

/** A new step below another one, or at the end. */
export function addStep(text: string, id: string, fields: { [name: string]: Value }, below: string | null): Replacement[] {
  const found = outline(text);
  const at = (below && blockOf(found, below)?.to) || found.end;
  const indent = " ".repeat(found.indent);
  const inner = found.indent * 2;
  const lines = Object.entries(fields).map(([name, value]) => `${" ".repeat(inner)}${stringKey(name)}:${after(value, inner)}`);
  const isFirst = found.blocks.length === 0;
  const head = found.nodesAt < 0 ? `${text.endsWith("\n") || !text ? "" : "\n"}\nnodes:` : "";
  return [{ from: at, to: at, insert: `${head}${isFirst ? "\n" : "\n\n"}${indent}${id}:\n${lines.join("\n")}` }];
}

/** An id made of a title: "Billing questions" becomes billing_questions; numbered when it is taken. */
export function freeId(title: string, taken: Iterable<string>): string {
  const plain = title
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^[^a-z]+|_+$/g, "")
    .slice(0, 50);
  const wish = plain || "step";
  const used = new Set(taken);
  if (!used.has(wish)) return wish;
  let count = 2;
  while (used.has(`${wish}_${count}`)) count += 1;
  return `${wish}_${count}`;
}

function below(schema: FlowSchema, schemas: Schema[], part: string | number): Schema[] {
  return schemas.flatMap((each) => {
    if (typeof part === "number") return each.items ? schema.branches(each.items) : [];
    const own = each.properties?.[part] ?? (typeof each.additionalProperties === "object" ? each.additionalProperties : null);
    return own ? schema.branches(own) : [];
  });
}

function keyText(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : "";
}

function pairOf(map: YAMLMap, name: string | number): Pair | null {
  return (map.items.find((pair) => keyText(pair as Pair) === String(name)) as Pair | undefined) ?? null;
}

function isBlockScalar(node: { type?: string }): boolean {
  return node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED";
}

function isCollection(value: Value): value is Value[] | { [name: string]: Value } {
  return typeof value === "object" && value !== null;
}

function quoteOf(node: { type?: string }): "QUOTE_DOUBLE" | "QUOTE_SINGLE" | null {
  return node.type === "QUOTE_DOUBLE" || node.type === "QUOTE_SINGLE" ? node.type : null;
}

const STYLE = { lineWidth: 0, flowCollectionPadding: false, indent: 2 } as const;

/** A document with lists of plain words on one line, as people write them. */
function made(value: Value): Document {
  const doc = new Document(value);
  visit(doc, {
    Seq(_key, node) {
      if (node.items.length && node.items.every((each) => isScalar(each))) node.flow = true;
    },
  });
  return doc;
}

/** Everything after `key:` with the space or the line break it needs. */
function after(value: Value, column: number): string {
  const lines = made({ k: value }).toString(STYLE).trimEnd().slice(2).split("\n");
  return lines.map((line, at) => (at && line ? " ".repeat(column) + line : line)).join("\n");
}

function item(value: Value, column: number): string {
  const lines = made([value, { k: 1 }]).toString(STYLE).trimEnd().split("\n").slice(0, -1);
  return lines.map((line, at) => (at && line ? " ".repeat(column) + line : line)).join("\n");
}

function inline(value: Value): string {
  const doc = new Document([value]);
  (doc.contents as unknown as YAMLSeq).flow = true;
  return doc.toString(STYLE).trim().slice(1, -1);
}

function oneLine(value: Value, quote: "QUOTE_DOUBLE" | "QUOTE_SINGLE" | null): string {
  const doc = new Document(value);
  if (quote && typeof value === "string" && isScalar(doc.contents)) doc.contents.type = quote;
  const text = made({ k: value }).toString(STYLE).trimEnd().slice(2).trimStart();
  return quote && typeof value === "string" ? doc.toString(STYLE).trimEnd() : text;
}

function stringKey(name: string): string {
  return oneLine(name, null);
}

/** What may be typed at a place of the file, and what stands there means: from the flow's JSON Schema and the file itself. */
import { t } from "../lib/texts.ts";
import { StepText, languagesOf } from "./edit.ts";
import { blockAt, outline, type Block } from "./outline.ts";
import type { FlowSchema, Path, Schema } from "./schema.ts";

export interface Place {
  path: Path;
  where: "key" | "value";
  /** Offset where the word at the cursor begins. */
  from: number;
  word: string;
}

export interface Suggestion {
  label: string;
  detail: string;
  info: string;
  insert: string;
}

/** Names that a file may use but does not hold. */
export interface Names {
  queues: string[];
  flows: string[];
}

interface Entry {
  indent: number;
  part: string | number;
  dash: boolean;
}

const KEY = /^("[^"]*"|'[^']*'|[^\s:#{}[\],&*!|>'"-][^:#]*?)\s*:(?=\s|$)/;

/** Where the cursor stands in the structure, by indentation: half-written files must be understood, too. */
export function placeAt(text: string, offset: number): Place {
  const block = blockAt(outline(text), offset);
  const start = block ? block.from : 0;
  const stack: Entry[] = block ? [{ indent: -1, part: "nodes", dash: false }] : [];
  const lines = text.slice(start, offset).split("\n");
  let scalarIndent = -1;
  let place: Place | null = null;
  lines.forEach((line, number) => {
    const isLast = number === lines.length - 1;
    const margin = line.length - line.trimStart().length;
    if (!isLast && (line.trim() === "" || line.trimStart().startsWith("#"))) return;
    if (scalarIndent >= 0 && margin > scalarIndent) return;
    scalarIndent = -1;
    let rest = line.slice(margin);
    let column = margin;
    const top = (): Entry | undefined => stack[stack.length - 1];
    const startsItem = /^-(\s|$)/.test(rest);
    while (top() && (top()!.indent > column || (top()!.indent === column && !startsItem)))
      stack.pop();
    for (let dash = /^-(\s+|$)/.exec(rest); dash; dash = /^-(\s+|$)/.exec(rest)) {
      const above = top();
      if (above?.dash && above.indent === column) above.part = Number(above.part) + 1;
      else stack.push({ indent: column, part: 0, dash: true });
      column += dash[0].length;
      rest = rest.slice(dash[0].length);
    }
    const key = KEY.exec(rest);
    if (key) {
      while (top() && !top()!.dash && top()!.indent >= column) stack.pop();
      stack.push({ indent: column, part: bare(key[1] ?? ""), dash: false });
      const value = rest.slice(key[0].length);
      if (/^\s*[|>][+-]?\d?\s*(#.*)?$/.test(value)) scalarIndent = margin;
      if (isLast) place = inFlow(value, stack.map(({ part }) => part), offset);
    } else if (isLast) {
      while (top() && !top()!.dash && top()!.indent >= column) stack.pop();
      const parts = stack.map(({ part }) => part);
      place = /^[{[]/.test(rest) ? inFlow(rest, parts, offset) : { path: parts, where: "key", from: offset - rest.length, word: rest };
    }
  });
  return place ?? { path: [], where: "key", from: offset, word: "" };
}

/** The rest of a line that holds a value, perhaps in brackets that are still open. */
function inFlow(value: string, base: Path, offset: number): Place {
  const frames: { isMap: boolean; key: string | null; at: number }[] = [];
  let token = 0;
  let quote = "";
  for (let at = 0; at < value.length; at += 1) {
    const char = value[at] ?? "";
    const top = frames[frames.length - 1];
    if (quote) quote = char === quote ? "" : quote;
    else if (char === '"' || char === "'") quote = char;
    else if (char === "{" || char === "[") {
      frames.push({ isMap: char === "{", key: null, at: 0 });
      token = at + 1;
    } else if (char === "}" || char === "]") {
      frames.pop();
      token = at + 1;
    } else if (char === "," && top) {
      top.key = null;
      top.at += 1;
      token = at + 1;
    } else if (char === ":" && top?.isMap && /\s|^$/.test(value[at + 1] ?? "")) {
      top.key = bare(value.slice(token, at).trim());
      token = at + 1;
    }
  }
  const word = value.slice(token).trimStart();
  const parts = frames.flatMap((frame): Path => (frame.isMap ? (frame.key === null ? [] : [frame.key]) : [frame.at]));
  const top = frames[frames.length - 1];
  return { path: [...base, ...parts], where: top?.isMap && top.key === null ? "key" : "value", from: offset - word.length, word };
}

function bare(word: string): string {
  return /^["']/.test(word) ? word.slice(1, -1) : word;
}

export function kindIn(text: string, block: Block): string | null {
  return /\bkind\s*:\s*["']?([a-z_]+)/.exec(text.slice(block.from, block.to))?.[1] ?? null;
}

function kindsOf(text: string): (id: string) => string | null {
  const found = outline(text);
  return (id) => {
    const block = found.blocks.find((each) => each.id === id);
    return block ? kindIn(text, block) : null;
  };
}

/** Everything that fits at the cursor; empty inside free text. */
export function suggest(schema: FlowSchema, text: string, offset: number, names: Names): { from: number; found: Suggestion[] } {
  const place = placeAt(text, offset);
  const schemas = schema.at(place.path, kindsOf(text));
  const found = place.where === "key" ? keysAt(schema, schemas, text, place, offset) : valuesAt(schema, schemas, text, place, names);
  return { from: place.from, found };
}

function keysAt(schema: FlowSchema, schemas: Schema[], text: string, place: Place, offset: number): Suggestion[] {
  const there = siblings(text, place, offset);
  if (schemas.some((each) => schema.isText(each)) || schemas.some((each) => schema.isWords(each)))
    return languagesOf(text)
      .filter((language) => !there.has(language))
      .map((language) => ({ label: language, detail: t("language"), info: "", insert: `${language}: ` }));
  return [...schema.fields(schemas)]
    .filter(([name]) => !there.has(name))
    .map(([name, { schema: field, required }]) => ({
      label: name,
      detail: required ? t("needed") : accepts(schema, field),
      info: [meaning(schema, field), required ? accepts(schema, field) : ""].filter(Boolean).join("\n\n"),
      insert: `${name}: `,
    }));
}

function siblings(text: string, place: Place, offset: number): Set<string> {
  const block = blockAt(outline(text), offset);
  if (!block || place.path[0] !== "nodes") return new Set([...text.matchAll(/^([a-z_]+)\s*:/gm)].map((match) => match[1] ?? ""));
  const there = StepText.at(text, block).value(place.path.slice(2));
  return new Set(there && typeof there === "object" ? Object.keys(there) : []);
}

function valuesAt(schema: FlowSchema, schemas: Schema[], text: string, place: Place, names: Names): Suggestion[] {
  const plain = (label: string, detail = "", info = ""): Suggestion => ({ label, detail, info, insert: label });
  if (schemas.some((each) => each.format === "node-id")) {
    const found = outline(text);
    return found.blocks.map((block) => plain(block.id, kindIn(text, block) ?? ""));
  }
  const field = place.path[place.path.length - 1];
  if (field === "kind" && place.path.length === 3)
    return schema.kinds().map(([kind, each]) => plain(kind, firstLine(each.description), each.description ?? ""));
  if (field === "queue" || field === "mailbox") return names.queues.map((each) => plain(each, t("queue")));
  if (field === "flow") return names.flows.map((each) => plain(each, t("flow")));
  if (field === "language" || place.path[0] === "languages") return languagesOf(text).map((each) => plain(each, t("language")));
  return schema.values(schemas).map((each) => plain(each));
}

export interface Explanation {
  name: string;
  words: string;
  accepts: string;
  from: number;
  to: number;
}

/** What a field's name, or the word after `kind:`, means. Null where there is nothing to explain. */
export function explain(schema: FlowSchema, text: string, offset: number): Explanation | null {
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  const lineEnd = text.indexOf("\n", offset);
  const line = text.slice(lineStart, lineEnd < 0 ? text.length : lineEnd);
  const column = offset - lineStart;
  const left = /[\w-]*$/.exec(line.slice(0, column))?.[0].length ?? 0;
  const right = /^[\w-]*/.exec(line.slice(column))?.[0].length ?? 0;
  const [from, to] = [offset - left, offset + right];
  const word = text.slice(from, to);
  if (!word) return null;
  const place = placeAt(text, to);
  if (place.where === "key" && /^\s*:/.test(text.slice(to))) return explainField(schema, text, place, word, from, to);
  if (place.path[place.path.length - 1] === "kind" && place.path.length === 3) {
    const kind = schema.kind(word);
    return kind && { name: word, words: kind.description ?? "", accepts: "", from, to };
  }
  return null;
}

function explainField(schema: FlowSchema, text: string, place: Place, word: string, from: number, to: number): Explanation | null {
  const field = schema.fields(schema.at(place.path, kindsOf(text))).get(word);
  if (!field) return null;
  return { name: word, words: meaning(schema, field.schema), accepts: accepts(schema, field.schema), from, to };
}

export function meaning(schema: FlowSchema, field: Schema): string {
  return field.description ?? schema.resolved(field).description ?? "";
}

function firstLine(words: string | undefined): string {
  return (words ?? "").split("\n", 1)[0] ?? "";
}

/** What a field accepts, in words. */
export function accepts(schema: FlowSchema, field: Schema): string {
  const words = schema.branches(field).flatMap((each): string[] => {
    if (each.format === "node-id") return [t("the id of a step")];
    if (each.const !== undefined) return [String(each.const)];
    if (each.enum) return each.enum.map(String);
    if (each.type === "integer" || each.type === "number") return [numbers(each)];
    if (each.type === "string") return [t("a text")];
    if (each.type === "boolean") return ["true", "false"];
    if (each.type === "array") return [t("a list")];
    if (each.type === "object") return [schema.isText(field) ? t("one text for each language") : t("fields of its own")];
    return [];
  });
  return [...new Set(words)].join(", ");
}

function numbers(schema: Schema): string {
  const { minimum: from, maximum: to } = schema;
  if (from !== undefined && to !== undefined) return t("a number from {from} to {to}", { from, to });
  return t("a number");
}

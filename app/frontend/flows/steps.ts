/** What the diagram and the form do to the file: new steps, ways between them, names. Each is one step of undo. */
import { parse } from "yaml";
import { StepText, addStep, deleteStep, freeId, headFields, languagesOf, renameStep, retarget, type Replacement, type Value } from "./edit.ts";
import { fieldWord, freshStep } from "./kinds.ts";
import { outline } from "./outline.ts";
import type { FlowSchema, Path, Schema } from "./schema.ts";
import { t } from "../lib/texts.ts";

/** A way out of a step, taken or free. `path` ends in "+" where a list gets one more item. */
export interface WayOut {
  path: Path;
  label: string;
  to: string | null;
}

export function waysOut(text: string, schema: FlowSchema, id: string): WayOut[] {
  const step = StepText.of(text, id);
  const kind = step && schema.kind(step.kind ?? "");
  if (!step || !kind) return [];
  const ways: WayOut[] = [];
  for (const [name, field] of Object.entries(kind.properties ?? {})) {
    if (schema.isTarget(field)) {
      const to = step.value([name]);
      ways.push({ path: [name], label: fieldWord(name), to: typeof to === "string" ? to : null });
    }
    const item = itemWithTarget(schema, field);
    if (!item) continue;
    const list = step.value([name]);
    (Array.isArray(list) ? list : []).forEach((each: Record<string, unknown>, at) =>
      ways.push({ path: [name, at, item], label: itemLabel(each, at), to: typeof each[item] === "string" ? each[item] : null }),
    );
    ways.push({ path: [name, "+", item], label: name === "choices" ? t("New choice, key {key}", { key: freeKey(list) }) : t("One more case"), to: null });
  }
  return ways;
}

/** The field of a list's items that names a step: `to` of choices and cases. */
export function itemWithTarget(schema: FlowSchema, field: Schema): string | null {
  for (const branch of schema.branches(field)) {
    if (!branch.items) continue;
    for (const item of schema.branches(branch.items))
      for (const [name, each] of Object.entries(item.properties ?? {})) if (schema.isTarget(each)) return name;
  }
  return null;
}

function itemLabel(item: Record<string, unknown>, at: number): string {
  if (item["key"] !== undefined && item["key"] !== null) return t("Key {key}", { key: String(item["key"]) });
  if (typeof item["if"] === "string") return t("If {condition}", { condition: item["if"] });
  return t("Way {n}", { n: at + 1 });
}

export function freeKey(list: unknown): string {
  const used = new Set((Array.isArray(list) ? list : []).map((each: { key?: unknown }) => String(each?.key)));
  return ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"].find((key) => !used.has(key)) ?? "1";
}

/** `key: 1` reads better than `key: "1"`. */
export function keyValue(key: string): string | number {
  return /^[1-9]$/.test(key) ? Number(key) : key;
}

export function connect(text: string, schema: FlowSchema, from: string, path: Path, to: string): Replacement[] {
  const step = StepText.of(text, from);
  if (!step) return [];
  if (path[1] !== "+") return step.set(path, to);
  const list = String(path[0]);
  const item: Record<string, Value> =
    list === "choices" ? { key: keyValue(freeKey(step.value([list]))), to } : { ...fillRequired(text, schema, step.kind ?? "", list, to), [String(path[2])]: to };
  return step.append([list], item);
}

function fillRequired(text: string, schema: FlowSchema, kind: string, list: string, to: string): Record<string, Value> {
  const items = schema.kind(kind)?.properties?.[list];
  const item = items && schema.branches(items).flatMap((each) => (each.items ? schema.branches(each.items) : []))[0];
  const filled = (item?.required ?? []).map((name): [string, Value] => [name, plainValue(schema, item?.properties?.[name] ?? {}, { text, to })]);
  const condition = item?.properties?.["if"] ? { if: "customer.is_known" } : {};
  return { ...Object.fromEntries(filled), ...condition };
}

function plainValue(schema: FlowSchema, field: Schema, { text, to }: { text: string; to: string }): Value {
  if (schema.isTarget(field)) return to;
  if (schema.isText(field)) return Object.fromEntries(languagesOf(text).map((language) => [language, "…"]));
  const branches = schema.branches(field);
  const first = branches.find((each) => each.const !== undefined || each.enum || each.type);
  if (first?.const !== undefined) return first.const as Value;
  if (first?.enum) return first.enum[0] as Value;
  if (first?.type === "integer" || first?.type === "number") return first.minimum ?? 1;
  if (first?.type === "boolean") return false;
  if (first?.type === "array") return [];
  return first?.type === "object" ? {} : "…";
}

/** A whole new step: what its kind needs, from a few fitting words or from the example in the kind's own description. */
export function newStep(text: string, schema: FlowSchema, kind: string, title: string, next: string): Record<string, Value> {
  const languages = languagesOf(text);
  const queue = /^\s+(?:queue|mailbox)\s*:\s*([a-z][\w-]*)/m.exec(text)?.[1] ?? /\b(?:queue|mailbox)\s*:\s*([a-z][\w-]*)/.exec(text)?.[1] ?? "sales";
  const ready = freshStep(kind, title, { languages, next, queue });
  if (ready) return ready;
  const model = schema.kind(kind);
  const example = exampleIn(model?.description ?? "");
  const fields: Record<string, Value> = { kind, title };
  const wanted = new Set([...(model?.required ?? []), ...Object.keys(example ?? {})]);
  for (const name of wanted) {
    if (name === "kind" || name === "title") continue;
    const field = model?.properties?.[name];
    if (field) fields[name] = example?.[name] === undefined ? plainValue(schema, field, { text, to: next }) : fitted(schema, field, example[name], { languages, next, queue }, name);
  }
  return fields;
}

/** The first indented piece of a description, read as YAML: the kind's example. */
function exampleIn(description: string): Record<string, Value> | null {
  const lines = description.split("\n");
  const start = lines.findIndex((line) => /^ {4}\S/.test(line));
  if (start < 0) return null;
  const rest = lines.slice(start);
  const end = rest.findIndex((line) => line.trim() !== "" && !line.startsWith("    "));
  try {
    const read = parse((end < 0 ? rest : rest.slice(0, end)).join("\n"), { logLevel: "silent" }) as Record<string, Record<string, Value>>;
    return Object.values(read)[0] ?? null;
  } catch {
    return null;
  }
}

function fitted(schema: FlowSchema, field: Schema, value: Value | undefined, context: { languages: string[]; next: string; queue: string }, name: string): Value {
  const { languages, next, queue } = context;
  if (schema.isTarget(field)) return next;
  if (name === "queue" || name === "mailbox") return queue;
  if (schema.isText(field) && value && typeof value === "object" && !Array.isArray(value)) {
    const first = Object.values(value)[0] ?? "…";
    return Object.fromEntries(languages.map((language) => [language, value[language] ?? first]));
  }
  const branches = schema.branches(field);
  if (Array.isArray(value)) {
    const items = branches.find((each) => each.items)?.items;
    return items ? value.map((each) => fitted(schema, items, each, context, "")) : value;
  }
  if (value && typeof value === "object") {
    const known = schema.fields(branches);
    const more = branches.find((each) => typeof each.additionalProperties === "object")?.additionalProperties;
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => {
        const inner = known.get(key)?.schema ?? (typeof more === "object" ? more : null);
        return [key, inner ? fitted(schema, inner, each, context, key) : each];
      }),
    );
  }
  return value ?? "…";
}

export interface Addition {
  kind: string;
  title: string;
  /** The step and the way of it that leads to the new one; null leaves the new step loose. */
  from: string | null;
  path: Path | null;
}

/** Add a step and lead a way to it; where the way led before, the new step leads now. */
export function addition(text: string, schema: FlowSchema, { kind, title, from, path }: Addition): { id: string; changes: Replacement[] } {
  const id = freeId(title, outline(text).blocks.map((block) => block.id));
  const before = from && path ? waysOut(text, schema, from).find((way) => String(way.path) === String(path))?.to : null;
  const fallback = headFields(text).find((each) => each.name === "fallback")?.value;
  const next = before ?? fallback ?? outline(text).blocks[0]?.id ?? id;
  const below = from;
  const added = addStep(text, id, newStep(text, schema, kind, title, next), below);
  const led = from && path ? connect(text, schema, from, path, id) : [];
  return { id, changes: merged([...led, ...added]) };
}

/** Two insertions at one place become one: the step's own new line first, then the new step. */
function merged(changes: Replacement[]): Replacement[] {
  const found: Replacement[] = [];
  for (const change of changes) {
    const same = found.find((each) => each.from === change.from && each.to === change.to && change.from === change.to);
    if (same) same.insert += change.insert;
    else found.push({ ...change });
  }
  return found;
}

export { deleteStep, renameStep, retarget };

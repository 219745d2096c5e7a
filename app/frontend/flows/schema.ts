/** What the flow's JSON Schema says about a place in the file: its fields, what they accept, what they mean. */

export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string | string[];
  title?: string;
  description?: string;
  format?: string;
  const?: unknown;
  enum?: unknown[];
  default?: unknown;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
}

export type Path = (string | number)[];

export class FlowSchema {
  private readonly root: Schema;

  constructor(root: Schema) {
    this.root = root;
  }

  /** Every kind of step with its schema, in the file's order of kinds. */
  kinds(): [string, Schema][] {
    const nodes = this.root.properties?.["nodes"]?.additionalProperties;
    if (typeof nodes !== "object") return [];
    return (nodes.oneOf ?? nodes.anyOf ?? [nodes]).flatMap((each): [string, Schema][] => {
      const schema = this.resolved(each);
      const kind = schema.properties?.["kind"];
      const name = kind?.const ?? kind?.enum?.[0];
      return typeof name === "string" ? [[name, schema]] : [];
    });
  }

  kind(name: string): Schema | null {
    return this.kinds().find(([each]) => each === name)?.[1] ?? null;
  }

  resolved(schema: Schema): Schema {
    let now = schema;
    for (let depth = 0; now.$ref && depth < 20; depth += 1) now = this.root.$defs?.[now.$ref.split("/").pop() ?? ""] ?? {};
    return now;
  }

  /** The schema itself and all its alternatives, references followed. */
  branches(schema: Schema, depth = 0): Schema[] {
    const self = this.resolved(schema);
    if (depth > 6) return [self];
    return [self, ...[...(self.anyOf ?? []), ...(self.oneOf ?? [])].flatMap((each) => this.branches(each, depth + 1))];
  }

  /** What may stand at a place; `kindAt` tells the kind of a step. Empty when the schema does not know the place. */
  at(path: Path, kindAt: (id: string) => string | null): Schema[] {
    let now: Schema[] = [this.root];
    let rest = path;
    if (path[0] === "nodes" && path.length >= 2) {
      const kind = this.kind(kindAt(String(path[1])) ?? "");
      now = kind ? [kind] : [KIND_ONLY(this.kinds().map(([name]) => name))];
      rest = path.slice(2);
    }
    for (const part of rest) now = now.flatMap((each) => this.below(each, part));
    return now.flatMap((each) => this.branches(each));
  }

  private below(schema: Schema, part: string | number): Schema[] {
    return this.branches(schema).flatMap((each) => {
      if (typeof part === "number") return each.items ? [each.items] : [];
      const own = each.properties?.[part];
      if (own) return [own];
      return typeof each.additionalProperties === "object" ? [each.additionalProperties] : [];
    });
  }

  /** The fields that may stand in a mapping at this place. */
  fields(schemas: Schema[]): Map<string, { schema: Schema; required: boolean }> {
    const found = new Map<string, { schema: Schema; required: boolean }>();
    for (const each of schemas)
      for (const [name, schema] of Object.entries(each.properties ?? {}))
        if (!found.has(name)) found.set(name, { schema, required: each.required?.includes(name) ?? false });
    return found;
  }

  /** Words that are accepted at this place: constants, choices of an enumeration, true and false. */
  values(schemas: Schema[]): string[] {
    return [
      ...new Set(
        schemas.flatMap((each) => [
          ...(each.const === undefined ? [] : [String(each.const)]),
          ...(each.enum ?? []).map(String),
          ...(each.type === "boolean" ? ["true", "false"] : []),
        ]),
      ),
    ];
  }

  isTarget(schema: Schema): boolean {
    return this.branches(schema).some((each) => each.format === "node-id");
  }

  /** A prompt: a text, or one for each language, or parts. */
  isText(schema: Schema): boolean {
    const branches = this.branches(schema);
    const byLanguage = branches.some(
      (each) =>
        each.type === "object" && typeof each.additionalProperties === "object" && each.additionalProperties.type === "string",
    );
    return byLanguage && branches.some((each) => each.type === "string");
  }

  /** Phrases by language: what a caller may say. */
  isWords(schema: Schema): boolean {
    const branches = this.branches(schema);
    return (
      branches.some((each) => each.type === "array" && each.items?.type === "string") &&
      branches.some((each) => typeof each.additionalProperties === "object" && each.additionalProperties.type === "array")
    );
  }
}

const KIND_ONLY = (kinds: string[]): Schema => ({
  type: "object",
  properties: { kind: { enum: kinds, description: "What this step does." } },
  required: ["kind"],
});

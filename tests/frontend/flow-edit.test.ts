import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "yaml";
import {
  StepText,
  addStep,
  applied,
  deleteStep,
  freeId,
  headFields,
  languagesOf,
  renameStep,
  type Replacement,
} from "../../app/frontend/flows/edit.ts";
import { blockAt, blockOf, outline } from "../../app/frontend/flows/outline.ts";
import { FlowSchema } from "../../app/frontend/flows/schema.ts";

const python = process.env["PYTHON"] ?? "python3";
const schema = new FlowSchema(
  JSON.parse(
    execFileSync(
      python,
      ["-c", "import json; from ivr_flows.schema import flow_json_schema; print(json.dumps(flow_json_schema()))"],
      { encoding: "utf8", maxBuffer: 1 << 26, env: { ...process.env, PYTHONPATH: "." } },
    ),
  ),
);
const FILES = ["main", "support"].map((name) => readFileSync(`ivr_flows/flows/${name}.yaml`, "utf8"));

const FLOW = `# The line of a small shop
title: Shop
languages: [en, es]
start: hello   # what callers meet first
fallback: desk

nodes:
  # Said to everybody.
  hello:
    kind: say
    text: {en: "Hello, friend.", es: 'Hola.'}
    next: main

  main:
    kind: menu
    prompt:
      en: Press 1 for sales.
      es: Oprima 1.
    choices:
      - key: 1 # the oldest key
        words: {en: [sales, buy]}
        to: desk
      - {key: 2, to: bye}
    no_input: bye

  desk:
    kind: queue
    queue: sales

  bye:
    kind: hangup
    say:
      en: >-
        Goodbye, and
        thank you.
      es: Adiós. # informal
`;

function changed(text: string, changes: Replacement[] | undefined): string {
  assert.ok(changes?.length, "something should change");
  return applied(text, changes);
}

function step(text: string, id: string): StepText {
  const found = StepText.of(text, id);
  assert.ok(found);
  return found;
}

/** The lines that differ, in order, as a diff shows them. */
function difference(before: string, after: string): string[] {
  const [old, now] = [before.split("\n"), after.split("\n")];
  let start = 0;
  while (start < old.length && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < now.length - start && old.at(-1 - end) === now.at(-1 - end)) end += 1;
  return [
    ...old.slice(start, old.length - end).map((line) => `-${line}`),
    ...now.slice(start, now.length - end).map((line) => `+${line}`),
  ];
}

test("the outline finds every step with its lines, in good files and in broken ones", () => {
  for (const text of [...FILES, FLOW]) {
    const ids = outline(text).blocks.map((block) => block.id);
    assert.deepEqual(ids, Object.keys(parse(text).nodes));
    for (const block of outline(text).blocks) assert.ok(text.slice(block.from, block.to).trim().startsWith(block.id));
  }
  const broken = FLOW.replace("next: main", "next: [main");
  assert.deepEqual(outline(broken).blocks.map((block) => block.id), ["hello", "main", "desk", "bye"]);
  assert.equal(blockAt(outline(FLOW), FLOW.indexOf("Oprima"))?.id, "main");
  assert.equal(blockAt(outline(FLOW), FLOW.indexOf("title")), null);
  assert.deepEqual(outline("").blocks, []);
});

test("a changed prompt changes its own words alone, whatever quotes it stands in", () => {
  const once = changed(FLOW, step(FLOW, "hello").set(["text", "en"], "Good morning: friend"));
  assert.deepEqual(difference(FLOW, once), [
    `-    text: {en: "Hello, friend.", es: 'Hola.'}`,
    `+    text: {en: "Good morning: friend", es: 'Hola.'}`,
  ]);
  const plain = changed(FLOW, step(FLOW, "main").set(["prompt", "es"], "Hola: oprima 1 # ya"));
  assert.deepEqual(difference(FLOW, plain), ["-      es: Oprima 1.", '+      es: "Hola: oprima 1 # ya"']);
  const comment = changed(FLOW, step(FLOW, "bye").set(["say", "es"], "Hasta luego"));
  assert.deepEqual(difference(FLOW, comment), ["-      es: Adiós. # informal", "+      es: Hasta luego # informal"]);
});

test("a folded text becomes a plain one and a plain one may get several lines", () => {
  const plain = changed(FLOW, step(FLOW, "bye").set(["say", "en"], "Goodbye."));
  assert.equal(parse(plain).nodes.bye.say.en, "Goodbye.");
  assert.equal(parse(plain).nodes.bye.say.es, "Adiós.");
  const long = changed(FLOW, step(FLOW, "main").set(["prompt", "en"], "One.\nTwo."));
  assert.equal(parse(long).nodes.main.prompt.en, "One.\nTwo.");
  const odd = 'Say "a: b", {c} [d] # e \\ 你好\u2028 - f\'s';
  const quoted = changed(FLOW, step(FLOW, "hello").set(["text", "es"], odd));
  assert.equal(parse(quoted).nodes.hello.text.es, odd);
});

test("a menu gets one more branch below the others, and loses one without a trace", () => {
  const more = changed(FLOW, step(FLOW, "main").append(["choices"], { key: 3, words: { en: ["bill"] }, to: "bye" }));
  assert.deepEqual(difference(FLOW, more), [
    "+      - key: 3",
    "+        words:",
    "+          en: [bill]",
    "+        to: bye",
  ]);
  const less = changed(FLOW, step(FLOW, "main").set(["choices", 1], undefined));
  assert.deepEqual(difference(FLOW, less), ["-      - {key: 2, to: bye}"]);
  const first = changed(FLOW, step(FLOW, "main").set(["choices", 0], undefined));
  assert.deepEqual(parse(first).nodes.main.choices, [{ key: 2, to: "bye" }]);
  const words = changed(FLOW, step(FLOW, "main").set(["choices", 0, "words", "en"], ["sales", "a, b"]));
  assert.deepEqual(parse(words).nodes.main.choices[0].words.en, ["sales", "a, b"]);
  assert.ok(words.includes("key: 1 # the oldest key"));
});

test("fields come, change and go where they stand", () => {
  const came = changed(FLOW, step(FLOW, "desk").set(["unanswered"], "bye"));
  assert.deepEqual(difference(FLOW, came), ["+    unanswered: bye"]);
  const went = changed(came, step(came, "desk").set(["unanswered"], undefined));
  assert.equal(went, FLOW);
  const last = changed(FLOW, step(FLOW, "main").set(["no_input"], undefined));
  assert.deepEqual(difference(FLOW, last), ["-    no_input: bye"]);
  const inside = changed(FLOW, step(FLOW, "main").set(["retry_prompt", "en"], "Sorry?"));
  assert.deepEqual(parse(inside).nodes.main.retry_prompt, { en: "Sorry?" });
  const flow = changed(FLOW, step(FLOW, "main").set(["choices", 1, "words"], { en: ["bye"] }));
  assert.deepEqual(parse(flow).nodes.main.choices[1], { key: 2, to: "bye", words: { en: ["bye"] } });
  assert.deepEqual(step(FLOW, "hello").set(["nothing"], undefined), []);
});

test("a bare prompt becomes one text for each language", () => {
  const bare = FLOW.replace(`text: {en: "Hello, friend.", es: 'Hola.'}`, "text: Hello # bare");
  const both = changed(bare, step(bare, "hello").set(["text"], { en: "Hello", es: "Hola" }));
  assert.deepEqual(parse(both).nodes.hello.text, { en: "Hello", es: "Hola" });
  assert.equal(parse(both).nodes.hello.next, "main");
});

test("a rename reaches every place that names the step and no text that only mentions it", () => {
  const renamed = changed(FLOW, renameStep(FLOW, schema, "desk", "front_desk"));
  assert.deepEqual(Object.keys(parse(renamed).nodes), ["hello", "main", "front_desk", "bye"]);
  assert.equal(parse(renamed).fallback, "front_desk");
  assert.equal(parse(renamed).nodes.main.choices[0].to, "front_desk");
  assert.equal(changed(renamed, renameStep(renamed, schema, "front_desk", "desk")), FLOW);
  const main = changed(FILES[0]!, renameStep(FILES[0]!, schema, "sales", "new_business"));
  assert.equal(parse(main).nodes.new_business.queue, "sales", "a queue of the same name stays");
  assert.ok(main.includes("[sales, sale, sails, buy, new service, upgrade] # recognisers hear sails, too"));
  const start = changed(FLOW, renameStep(FLOW, schema, "hello", "welcome"));
  assert.ok(start.includes("start: welcome   # what callers meet first"));
});

test("a rename reaches the test calls that stand after the steps", () => {
  const calls = [
    "#%scenarios",
    "scenarios:",
    "  - name: desk",
    "    given: {lookups: {desk: timeout}, customer: {node: desk}}",
    "    call:",
    "      - hears: desk",
    "      - visits: desk # here",
    "    ends: {queue: desk, node: desk}",
    "",
  ].join("\n");
  const renamed = changed(`${FLOW}\n${calls}`, renameStep(`${FLOW}\n${calls}`, schema, "desk", "front"));
  const [call] = parse(renamed).scenarios;
  assert.deepEqual(call.given, { lookups: { front: "timeout" }, customer: { node: "desk" } });
  assert.deepEqual([call.name, call.call, call.ends], ["desk", [{ hears: "desk" }, { visits: "front" }], { queue: "desk", node: "front" }]);
  assert.ok(renamed.includes("- visits: front # here"));
  assert.equal(blockAt(outline(renamed), renamed.indexOf("visits: front")), null, "they belong to no step");
});

test("a deleted step goes with its own comment; what led to it leads on", () => {
  const gone = changed(FLOW, deleteStep(FLOW, schema, "hello"));
  assert.equal(parse(gone).start, "main");
  assert.ok(!gone.includes("Said to everybody"));
  assert.ok(gone.startsWith("# The line of a small shop\n"));
  assert.ok(gone.includes("nodes:\n  main:\n"));
  const loose = changed(FLOW, deleteStep(FLOW, schema, "bye"));
  assert.equal(parse(loose).nodes.main.no_input, "bye", "two ways on, or none, are the author's to choose");
  assert.ok(loose.endsWith("    queue: sales\n"));
});

test("a new step stands below the one it follows, or at the end, or first in an empty file", () => {
  const fields = { kind: "say", text: { en: "New.", es: "Nuevo." }, next: "desk" };
  const after = changed(FLOW, addStep(FLOW, "news", fields, "hello"));
  assert.deepEqual(Object.keys(parse(after).nodes), ["hello", "news", "main", "desk", "bye"]);
  assert.deepEqual(parse(after).nodes.news, fields);
  assert.equal(changed(after, deleteStep(after, schema, "news").slice(0, 1)), FLOW);
  const atEnd = changed(FLOW, addStep(FLOW, "news", fields, null));
  assert.deepEqual(Object.keys(parse(atEnd).nodes).at(-1), "news");
  const empty = changed("title: New\n", addStep("title: New\n", "news", fields, null));
  assert.deepEqual(parse(empty), { title: "New", nodes: { news: fields } });
});

test("every field of every shipped step can be set to what it is, and the file means the same", () => {
  for (const text of FILES) {
    const flow = parse(text);
    for (const [id, node] of Object.entries<Record<string, unknown>>(flow.nodes))
      for (const [name, value] of Object.entries(node)) {
        const again = applied(text, step(text, id).set([name], value as never));
        assert.deepEqual(parse(again), flow, `${id}.${name}`);
        const without = applied(text, step(text, id).set([name], undefined));
        const { [name]: _gone, ...rest } = node;
        assert.deepEqual(parse(without).nodes, { ...flow.nodes, [id]: rest }, `${id}.${name}`);
        const comments = (each: string): number => each.split(" #").length + each.split("\n#").length;
        if (!/ #/.test(text.slice(blockOf(outline(text), id)!.from, blockOf(outline(text), id)!.to)))
          assert.equal(comments(again), comments(text), "comments of other steps stay");
      }
  }
});

test("every shipped step can be renamed there and back, and deleted and put back by undo", () => {
  for (const text of FILES)
    for (const { id } of outline(text).blocks) {
      const there = applied(text, renameStep(text, schema, id, "quite_another_name"));
      assert.equal(Object.keys(parse(there).nodes).length, Object.keys(parse(text).nodes).length);
      assert.equal(applied(there, renameStep(there, schema, "quite_another_name", id)), text);
      const gone = applied(text, deleteStep(text, schema, id));
      assert.deepEqual(Object.keys(parse(gone).nodes), Object.keys(parse(text).nodes).filter((each) => each !== id));
    }
});

test("heads, languages and free ids", () => {
  assert.deepEqual(headFields(FLOW).map(({ name, value }) => [name, value]), [["start", "hello"], ["fallback", "desk"]]);
  assert.deepEqual(languagesOf(FLOW), ["en", "es"]);
  assert.deepEqual(languagesOf("title: x\nnodes:\n"), ["en"]);
  assert.equal(freeId("Billing questions", []), "billing_questions");
  assert.equal(freeId("Café No 1", ["cafe_no_1"]), "cafe_no_1_2");
  assert.equal(freeId("账单", []), "step");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Graph, GraphEdge, Traffic } from "../../app/frontend/flows/types.ts";
import { countsOfWays } from "../../app/frontend/flows/ways.ts";

const way = (field: string | null, implicit = false): GraphEdge => ({ from: "menu", to: "desk", label: "", field, implicit });
const graph = (...edges: GraphEdge[]): Graph => ({ start: "menu", fallback: "desk", nodes: [], edges });
const went = (...counts: [string, number][]): Traffic => ({ calls: 9, containment: null, nodes: [], edges: counts.map(([field, count]) => ({ from: "menu", to: "desk", field, count })) });

test("calls are counted on the way that they took, also where another leads to the same step", () => {
  const counts = countsOfWays(went(["choices[0].to", 5], ["no_match", 2]), graph(way("choices[0].to"), way("no_match")));
  assert.deepEqual([...counts], [["menu desk choices[0].to", 5], ["menu desk no_match", 2]]);
});

test("calls of a version that named the way otherwise count between the same two steps", () => {
  const counts = countsOfWays(went(["choices[4].to", 3], ["", 1], ["choices[0].to", 5]), graph(way("choices[0].to"), way("no_match")));
  assert.deepEqual([...counts], [["menu desk choices[0].to", 9]]);
});

test("calls on a way that is gone are on no way of the picture", () => {
  assert.equal(countsOfWays(went(["next", 3]), graph()).size, 0);
});

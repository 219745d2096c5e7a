/** Where every step stands: columns from left to right by distance from the start. Dagre places the steps; ways that would cross half the picture end in a small sign instead. */
import dagre from "@dagrejs/dagre";
import type { Graph, GraphEdge } from "./types.ts";

export const BOX = { width: 204, height: 56, way: 24, gap: 164 } as const;

export interface PlacedStep {
  id: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface PlacedWay {
  /** Its place in `graph.edges`. */
  index: number;
  /** Where it leaves its step. */
  x: number;
  y: number;
  /** The line to the next step; empty for a way that ends in a sign naming it. */
  points: [number, number][];
}

export interface Picture {
  steps: PlacedStep[];
  ways: PlacedWay[];
  width: number;
  height: number;
}

const NEAR_RANKS = 2;
const FEW_WAYS_IN = 4;

export function picture(graph: Graph, shown: (edge: GraphEdge) => boolean): Picture {
  const ids = new Set(graph.nodes.map((node) => node.id));
  const edges = graph.edges.map((edge, index) => ({ edge, index })).filter(({ edge }) => ids.has(edge.from) && shown(edge));
  const waysOf = groupBy(edges, ({ edge }) => edge.from);
  const near = nearWays(graph, edges, ids);
  const drawn = new dagre.graphlib.Graph({ multigraph: true });
  drawn.setGraph({ rankdir: "LR", ranker: "tight-tree", nodesep: 18, ranksep: BOX.gap, marginx: 24, marginy: 24 });
  drawn.setDefaultEdgeLabel(() => ({}));
  for (const { id } of graph.nodes) drawn.setNode(id, { width: BOX.width, height: heightFor(waysOf.get(id)?.length ?? 0) });
  for (const { edge, index } of edges)
    if (near.has(index)) drawn.setEdge(edge.from, edge.to, { weight: near.get(index), minlen: 1 }, String(index));
  dagre.layout(drawn);
  const steps = graph.nodes.map(({ id }) => corner(id, drawn.node(id) as unknown as PlacedStep));
  return { steps, ways: waysFrom(steps, waysOf, near, drawn), ...size(steps) };
}

/** A step grows with its ways, so that each leaves at a line of its own. */
function heightFor(ways: number): number {
  return Math.max(BOX.height, ways * BOX.way + 12);
}

function corner(id: string, { x, y, width, height }: PlacedStep): PlacedStep {
  return { id, x: Math.round(x - width / 2), y: Math.round(y - height / 2), width, height };
}

/** The ways that become lines, with their weight: the first to reach a step, and short ones to steps that few ways lead to. */
function nearWays(graph: Graph, edges: { edge: GraphEdge; index: number }[], ids: Set<string>): Map<number, number> {
  const out = groupBy(edges, ({ edge }) => edge.from);
  const into = groupBy(edges, ({ edge }) => edge.to);
  const rank = new Map<string, number>();
  const near = new Map<number, number>();
  const roots = [graph.start, ...graph.nodes.map((node) => node.id)].filter((id): id is string => id !== null && ids.has(id));
  for (const root of roots) {
    if (rank.has(root)) continue;
    rank.set(root, 0);
    const waiting = [root];
    for (let at = waiting.shift(); at !== undefined; at = waiting.shift())
      for (const { edge, index } of out.get(at) ?? []) {
        if (!ids.has(edge.to) || rank.has(edge.to)) continue;
        rank.set(edge.to, (rank.get(at) ?? 0) + 1);
        near.set(index, 4);
        waiting.push(edge.to);
      }
  }
  for (const { edge, index } of edges) {
    const ahead = (rank.get(edge.to) ?? -1) - (rank.get(edge.from) ?? 0);
    if (ahead >= 1 && ahead <= NEAR_RANKS && (into.get(edge.to)?.length ?? 0) <= FEW_WAYS_IN && !near.has(index)) near.set(index, 1);
  }
  return near;
}

function waysFrom(
  steps: PlacedStep[],
  waysOf: Map<string, { edge: GraphEdge; index: number }[]>,
  near: Map<number, number>,
  drawn: InstanceType<typeof dagre.graphlib.Graph>,
): PlacedWay[] {
  const places = new Map(steps.map((step) => [step.id, step]));
  return steps.flatMap((step) => {
    const ways = waysOf.get(step.id) ?? [];
    const top = step.y + step.height / 2 - ((ways.length - 1) * BOX.way) / 2;
    return ways.map(({ edge, index }, at): PlacedWay => {
      const [x, y] = [step.x + step.width, top + at * BOX.way];
      const to = places.get(edge.to);
      if (!near.has(index) || !to) return { index, x, y, points: [] };
      const bends = (drawn.edge({ v: edge.from, w: edge.to, name: String(index) }) as { points?: { x: number; y: number }[] } | undefined)?.points ?? [];
      const between = bends.slice(1, -1).map((point): [number, number] => [Math.round(point.x), Math.round(point.y)]);
      const far = to.x - x > BOX.gap * 1.5;
      return { index, x, y, points: [[x, y], ...(far ? between : []), [to.x, to.y + to.height / 2]] };
    });
  });
}

function size(steps: PlacedStep[]): { width: number; height: number } {
  return {
    width: Math.max(0, ...steps.map((step) => step.x + step.width)) + BOX.gap,
    height: Math.max(0, ...steps.map((step) => step.y + step.height)) + 24,
  };
}

function groupBy<Item>(items: Item[], key: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const name = key(item);
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  return groups;
}

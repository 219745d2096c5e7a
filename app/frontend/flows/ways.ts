/** The ways between steps by name, and how many calls took each. */
import type { Graph, GraphEdge, Traffic } from "./types.ts";

/** What tells a way from every other, also from one between the same two steps. */
export function wayName({ from, to, field }: { from: string; to: string; field: GraphEdge["field"] }): string {
  return `${from} ${to} ${field ?? ""}`;
}

/** Calls on each way of the picture. One that an older version knew by another name counts for the first between the same steps. */
export function countsOfWays(traffic: Traffic, graph: Graph): Map<string, number> {
  const counts = new Map<string, number>();
  for (const went of traffic.edges) {
    const between = graph.edges.filter((edge) => edge.from === went.from && edge.to === went.to);
    const way = between.find((edge) => (edge.field ?? "") === went.field) ?? between[0];
    if (way) counts.set(wayName(way), (counts.get(wayName(way)) ?? 0) + went.count);
  }
  return counts;
}

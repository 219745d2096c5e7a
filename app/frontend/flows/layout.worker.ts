/** Places the steps beside the page's own work, so that typing never waits for it. */
import { picture } from "./layout.ts";
import type { Graph } from "./types.ts";
import { wayName } from "./ways.ts";

export interface Wish {
  serial: number;
  graph: Graph;
  all: boolean;
  /** Names of ways that are drawn although the file is silent on them. */
  also: string[];
}

const here = self as unknown as { onmessage: (event: MessageEvent<Wish>) => void; postMessage: (reply: unknown) => void };

here.onmessage = ({ data: { serial, graph, all, also } }) => {
  const wanted = new Set(also);
  here.postMessage({ serial, picture: picture(graph, (edge) => all || !edge.implicit || wanted.has(wayName(edge))) });
};

/** Places the steps beside the page's own work, so that typing never waits for it. */
import { picture } from "./layout.ts";
import type { Graph } from "./types.ts";

export interface Wish {
  serial: number;
  graph: Graph;
  all: boolean;
}

const here = self as unknown as { onmessage: (event: MessageEvent<Wish>) => void; postMessage: (reply: unknown) => void };

here.onmessage = ({ data: { serial, graph, all } }) => {
  here.postMessage({ serial, picture: picture(graph, (edge) => all || !edge.implicit) });
};

/** What the carrier sees, for people who develop: its requests to the app, newest first. */
import { byId, h, show } from "../lib/dom.ts";

interface TraceEntry {
  id: number;
  at: string;
  method: string;
  url: string;
  status: number | null;
  ms: number | null;
  params?: Record<string, string>;
  reply?: string;
}

const EVERY_MS = 1_500;
const KEPT = 100;

/** `token` gives the phone's own: a telephone sees what it caused, and nothing of others. */
export function watchTrace(token: () => Promise<string>): { startAnew: () => void } {
  const panel = byId("trace");
  const list = byId("trace-list");
  const details = panel.querySelector("details");
  let last = 0;
  let number = 0; // counts the numbers this phone has been: an answer about the one before comes too late

  const look = async (): Promise<void> => {
    const [asked, whose] = [last, number];
    const key = await token().catch(() => null);
    const headers = { Accept: "application/json", Authorization: `Bearer ${key}` };
    const response = key === null ? null : await fetch(`/phone/trace?after=${asked}`, { headers }).catch(() => null);
    if (response?.ok && asked === last && whose === number) add(((await response.json()) as { entries: TraceEntry[] }).entries);
  };
  const add = (entries: TraceEntry[]): void => {
    last = Math.max(last, ...entries.map((entry) => entry.id));
    list.prepend(...entries.reverse().map(row));
    while (list.children.length > KEPT) list.lastElementChild?.remove();
  };
  const turn = async (): Promise<void> => {
    if (details?.open && !document.hidden) await look();
    setTimeout(() => void turn(), EVERY_MS);
  };
  details?.addEventListener("toggle", () => details.open && void look());
  show(panel, true);
  void turn();
  return {
    startAnew: () => {
      last = 0;
      number += 1;
      list.replaceChildren();
    },
  };
}

function row(entry: TraceEntry): HTMLElement {
  const bad = entry.status === null || entry.status >= 400;
  const params = Object.entries(entry.params ?? {}).filter(([, value]) => value !== "");
  return h(
    "details",
    { class: "trace-row" },
    h(
      "summary",
      {},
      h("time", { class: "num faint" }, entry.at.slice(11, 19)),
      h("span", { class: "clip grow" }, `${entry.method} ${new URL(entry.url, location.href).pathname}`),
      h("span", { class: bad ? "num is-unreachable" : "num" }, String(entry.status ?? "–")),
      h("span", { class: "num faint" }, entry.ms === null ? "" : `${Math.round(entry.ms)} ms`),
    ),
    h("dl", {}, ...params.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    entry.reply ? h("pre", {}, entry.reply) : null,
  );
}

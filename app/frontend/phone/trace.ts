/** What the carrier sees, for people who develop: its requests to the app, newest first. Goes away when the app stops offering it (404). */
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

export function watchTrace(): void {
  const panel = byId("trace");
  const list = byId("trace-list");
  const details = panel.querySelector("details");
  let last = 0;

  const look = async (): Promise<void> => {
    const response = await fetch(`/phone/trace?after=${last}`).catch(() => null);
    if (response?.status === 404) return show(panel, false);
    if (response?.ok) {
      show(panel, true);
      const { entries } = (await response.json()) as { entries: TraceEntry[] };
      last = Math.max(last, ...entries.map((entry) => entry.id));
      list.prepend(...entries.reverse().map(row));
      while (list.children.length > KEPT) list.lastElementChild?.remove();
    }
    setTimeout(() => void (details?.open && !document.hidden ? look() : wait()), EVERY_MS);
  };
  const wait = (): void => {
    if (details?.open && !document.hidden) void look();
    else setTimeout(wait, EVERY_MS);
  };
  void look();
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

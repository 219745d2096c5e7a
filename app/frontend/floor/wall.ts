/** The wallboard: the same numbers, large, for a room. No customer's name stands on it. */
import { byId, h, icon, pageData } from "../lib/dom.ts";
import { t } from "../lib/texts.ts";
import { percent } from "./figures.ts";
import { inTroubleFirst, LIMITS } from "./queues.ts";
import { Rows } from "./rows.ts";
import { ORDER, STATES, wordOf } from "./states.ts";
import type { Alert, Floor, Queue } from "./types.ts";
import { Watch } from "./watch.ts";

type Tile = Queue & { alerts: Alert[] };

const page = pageData<{ floor: Floor; chosen: number[] }>();
const tiles = new Rows<Tile>(byId("tiles"), (queue) => String(queue.id), tile);
const states = new Rows<{ state: string; count: number }>(byId("wall-states"), ({ state }) => state, stateTile);

function draw(floor: Floor): void {
  const shown = floor.queues.filter((queue) => !page.chosen.length || page.chosen.includes(queue.id));
  const ids = new Set(shown.map((queue) => queue.id));
  tiles.draw(shown.map((queue) => ({ ...queue, alerts: floor.alerts.filter((each) => each.queue_id === queue.id) })).sort(inTroubleFirst));
  const agents = floor.agents.filter((agent) => !page.chosen.length || agent.queues.some((id) => ids.has(id)));
  states.draw(
    ORDER.filter((state) => state !== "offline")
      .map((state) => ({ state, count: agents.filter((agent) => agent.status === state).length }))
      .filter(({ count }) => count > 0),
  );
  byId("wall-none").hidden = shown.length > 0;
}

function tile(queue: Tile): HTMLElement {
  const low = queue.service_level !== null && queue.service_level < queue.target;
  const wrong = queue.alerts.length > 0;
  return h(
    "li",
    { class: wrong ? "tile is-wrong" : "tile" },
    h("h2", { class: "clip" }, queue.name),
    figure(t("Waiting"), String(queue.waiting)),
    figure(t("Longest wait"), queue.oldest_since ? h("span", { class: "timer", "data-since": queue.oldest_since }) : "–"),
    figure(t("Service level"), percent(queue.service_level), low),
    figure(t("Ready"), t("{idle} of {staffed}", { idle: queue.idle, staffed: queue.staffed })),
    ...queue.alerts.map((alert) =>
      h("p", { class: "tile-alert" }, icon("alert-triangle"), t(LIMITS[alert.kind], { value: Math.round(alert.value), limit: alert.limit })),
    ),
  );
}

function figure(label: string, value: Node | string, wrong = false): HTMLElement {
  return h(
    "div",
    { class: wrong ? "tile-figure is-wrong" : "tile-figure" },
    h("span", { class: "tile-label" }, label),
    h("b", { class: "num" }, wrong && icon("alert-triangle"), value),
  );
}

function stateTile({ state, count }: { state: string; count: number }): HTMLElement {
  const { icon: picture, look } = STATES[state] ?? { icon: "help-circle", look: "" };
  return h("li", { class: `state ${look}` }, icon(picture), h("b", { class: "num" }, String(count)), wordOf(state));
}

byId("fullscreen").addEventListener("click", () => {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void document.documentElement.requestFullscreen();
});

new Watch(page.floor, draw);

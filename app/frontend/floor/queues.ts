/** The queues as a table, the one in most trouble first. */
import { byId, h, icon } from "../lib/dom.ts";
import { mark, t } from "../lib/texts.ts";
import { percent } from "./figures.ts";
import { Rows } from "./rows.ts";
import type { Alert, Floor, Queue } from "./types.ts";

export const LIMITS: Record<Alert["kind"], string> = {
  waiting: mark("{value} wait, the limit is {limit}"),
  oldest_wait_s: mark("The longest wait is over {limit} s"),
  service_level: mark("Service level {value} percent, the limit is {limit}"),
  staffed: mark("{value} at work, at least {limit} are wanted"),
};

type Line = Queue & { alerts: Alert[]; admin: boolean };

export class QueueTable {
  private readonly rows: Rows<Line>;
  private readonly admin: boolean;

  constructor(admin: boolean) {
    this.admin = admin;
    this.rows = new Rows<Line>(byId("queue-rows"), (queue) => String(queue.id), row);
  }

  draw({ queues, alerts }: Floor): void {
    const lines = queues.map((queue) => ({ ...queue, alerts: alerts.filter((each) => each.queue_id === queue.id), admin: this.admin }));
    this.rows.draw(lines.sort(inTroubleFirst));
    byId("queue-none").hidden = queues.length > 0;
  }
}

/** Alerts, then the longest wait, then the lowest level, then the name. */
export function inTroubleFirst(one: Queue & { alerts: Alert[] }, other: Queue & { alerts: Alert[] }): number {
  return (
    other.alerts.length - one.alerts.length ||
    (one.oldest_since ?? "9").localeCompare(other.oldest_since ?? "9") ||
    (one.service_level ?? 101) - (other.service_level ?? 101) ||
    one.name.localeCompare(other.name)
  );
}

function row(queue: Line): HTMLElement {
  const over = (kind: Alert["kind"]): boolean => queue.alerts.some((each) => each.kind === kind);
  return h(
    "tr",
    {},
    h("th", { scope: "row", class: "clip" }, queue.admin ? h("a", { href: `/admin/queues/${queue.id}`, "data-part": "name" }, queue.name) : queue.name),
    number(waiting(queue), over("waiting")),
    number(queue.oldest_since ? h("span", { class: "timer", "data-since": queue.oldest_since }) : "–", over("oldest_wait_s")),
    number(percent(queue.service_level), over("service_level") || below(queue)),
    h("td", { class: "num muted wide-only" }, percent(queue.service_level_today)),
    number(t("{idle} of {staffed}", { idle: queue.idle, staffed: queue.staffed }), over("staffed")),
    h("td", { class: "num muted wide-only" }, estimate(queue)),
    h("td", { class: "num muted wide-only" }, t("{answered} / {abandoned}", { answered: queue.answered_today, abandoned: queue.abandoned_today })),
  );
}

/** Callers, and beside them the colleagues who ask: they take a place, but are no customers. */
function waiting(queue: Queue): Node | string {
  if (!queue.asking) return String(queue.waiting);
  return h("span", {}, String(queue.waiting), " ", h("span", { class: "faint tiny asking" }, t("+{n} asking", { n: queue.asking })));
}

function below(queue: Queue): boolean {
  return queue.service_level !== null && queue.service_level < queue.target;
}

export function estimate(queue: Queue): string {
  if (queue.idle > queue.waiting) return t("at once");
  if (!queue.estimate_min) return queue.staffed ? "–" : t("nobody there");
  const [low, high] = queue.estimate_min;
  return low === high ? t("about {n} min", { n: low }) : t("{low}-{high} min", { low, high });
}

function number(shown: Node | string, wrong: boolean): HTMLElement {
  const sign = wrong && icon("alert-triangle", "icon icon-small");
  return h(
    "td",
    { class: wrong ? "num is-wrong" : "num" },
    sign,
    wrong && h("span", { class: "sr-only" }, t("past its limit: ")),
    shown,
  );
}

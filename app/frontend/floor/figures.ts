/** The six numbers that matter, each with the way to the list behind it. */
import { byId, setText } from "../lib/dom.ts";
import { t } from "../lib/texts.ts";
import type { Floor } from "./types.ts";

export function percent(level: number | null): string {
  return level === null ? "–" : `${Math.round(level)} %`;
}

export function drawFigures({ totals, queues }: Floor): void {
  value("waiting", String(totals.waiting), totals.asking ? t("+{n} asking", { n: totals.asking }) : "");
  timer("oldest", totals.oldest_since);
  value("level", percent(totals.service_level), t("{level} today", { level: percent(totals.service_level_today) }));
  value("staff", String(totals.ready), t("of {n} at work", { n: totals.staffed }));
  value("abandoned", String(totals.abandoned_today), t("{n} answered", { n: totals.answered_today }));
  value("callbacks", String(totals.callbacks_due));
  const low = totals.service_level !== null && queues.some((queue) => queue.service_level !== null && queue.service_level < queue.target);
  trouble("waiting", totals.waiting > totals.ready && totals.waiting > 0);
  trouble("level", low);
}

function value(name: string, number: string, more?: string): void {
  setText(byId(`figure-${name}`), number);
  if (more !== undefined) setText(byId(`figure-${name}-more`), more);
}

function timer(name: string, since: string | null): void {
  const place = byId(`figure-${name}`);
  if (since) place.dataset["since"] = since;
  else delete place.dataset["since"];
  if (!since) setText(place, "–");
}

/** A number that needs a look has a sign beside it, not only another colour. */
function trouble(name: string, wrong: boolean): void {
  byId(`figure-${name}`).closest("[data-figure]")?.classList.toggle("is-wrong", wrong);
}

/** Every running timer of the page, drawn twice a second by the server's clock. `data-since` counts up, `data-until` counts down. */
import { duration } from "../lib/format.ts";
import { setText } from "../lib/dom.ts";

let skewMs = 0;

export function setServerTime(iso: string): void {
  skewMs = Date.parse(iso) - Date.now();
}

export function serverNow(): number {
  return Date.now() + skewMs;
}

export function drawTimers(within: ParentNode = document): void {
  for (const timer of within.querySelectorAll<HTMLElement>("[data-since]")) {
    setText(timer, duration((serverNow() - Date.parse(timer.dataset["since"] ?? "")) / 1000));
  }
  for (const timer of within.querySelectorAll<HTMLElement>("[data-until]")) {
    setText(timer, duration(Math.ceil((Date.parse(timer.dataset["until"] ?? "") - serverNow()) / 1000)));
  }
}

export function startClock(): void {
  setInterval(() => drawTimers(), 500);
}

/** Timers of the floor, by the server's clock; they stand still while the page is paused. */
import { drawTimers } from "../desktop/clock.ts";

export { setServerTime } from "../desktop/clock.ts";
export { drawTimers };

export function startTimers(isPaused: () => boolean): void {
  setInterval(() => isPaused() || drawTimers(), 1_000);
}

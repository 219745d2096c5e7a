/** The floor as it changes: the server says that something happened, the page asks for what stands now. */
import { Live } from "../desktop/live.ts";
import { byId, h, icon } from "../lib/dom.ts";
import { call, Refusal } from "../lib/http.ts";
import { t } from "../lib/texts.ts";
import { drawTimers, setServerTime, startTimers } from "./clock.ts";
import type { Floor } from "./types.ts";

/** What changes the floor. Words spoken and steps of a flow do not, and are many. */
const KINDS = [
  "interaction.opened",
  "interaction.moved",
  "offer.made",
  "offer.ended",
  "presence.changed",
  "phone.changed",
  "person.added",
  "person.activated",
  "person.deactivated",
  "person.roles_changed",
  "queue.member_added",
  "queue.member_removed",
  "queue.changed",
  "member.changed",
  "routing.cascade",
  "alert.raised",
  "alert.ended",
  "alert.seen",
  "call.held",
  "call.resumed",
  "call.parked",
  "call.unparked",
  "transfer.made",
  "transfer.handed_over",
  "supervisor.asked",
  "supervisor.joined",
  "supervisor.changed",
  "supervisor.left",
  "supervisor.took_over",
  "supervisor.help_asked",
  "supervisor.help_over",
  "callback.requested",
  "callback.waiting",
  "callback.due",
  "callback.dialing",
  "callback.answered",
  "callback.connected",
  "callback.completed",
  "callback.exhausted",
  "callback.expired",
  "callback.superseded",
  "callback.canceled_by_customer",
  "callback.canceled_by_agent",
  "callback.canceled_by_system",
];
const GATHER_MS = 60;
const AT_MOST_EVERY_MS = 500;
const ANYWAY_EVERY_MS = 5_000;

export class Watch {
  paused = false;
  private online = true;
  private asking = false;
  private askAgain = false;
  private askedAt = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly draw: (floor: Floor) => void;

  constructor(first: Floor, draw: (floor: Floor) => void) {
    this.draw = draw;
    const live = new Live(first.last_event_id, KINDS);
    live.onEvent.on(() => this.soon());
    live.onLine.on((up) => this.line(up));
    live.follow(["floor"]);
    byId("pause").addEventListener("click", () => this.pause(!this.paused));
    setInterval(() => this.soon(), ANYWAY_EVERY_MS); // a rest that is over makes no event
    startTimers(() => this.paused);
    this.show(first);
    this.drawLine();
  }

  /** Ask at once in quiet times, and at most twice a second in busy ones. */
  soon(): void {
    if (this.paused || this.timer !== undefined) return;
    const wait = Math.max(GATHER_MS, this.askedAt + AT_MOST_EVERY_MS - Date.now());
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.refresh();
    }, wait);
  }

  async refresh(): Promise<void> {
    if (this.asking) {
      this.askAgain = true;
      return;
    }
    this.asking = true;
    this.askedAt = Date.now();
    try {
      const floor = await call<Floor>("GET", "/supervisor/floor");
      if (!this.paused) this.show(floor);
      this.line(true);
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) location.reload();
      this.line(false);
    } finally {
      this.asking = false;
      if (this.askAgain) {
        this.askAgain = false;
        this.soon();
      }
    }
  }

  private show(floor: Floor): void {
    setServerTime(floor.server_time);
    this.draw(floor);
    drawTimers();
  }

  private pause(paused: boolean): void {
    this.paused = paused;
    document.body.classList.toggle("is-paused", paused);
    if (!paused) void this.refresh();
    this.drawLine();
  }

  private line(up: boolean): void {
    if (up === this.online) return;
    this.online = up;
    if (up) this.soon();
    this.drawLine();
  }

  private drawLine(): void {
    const [look, picture, words] = this.paused
      ? ["is-away", "player-pause", t("Paused")]
      : this.online
        ? ["is-ready", "broadcast", t("Live")]
        : ["is-busy", "plug-connected-x", t("Connection lost: trying again")];
    byId("live-state").replaceChildren(h("span", { class: `state ${look}` }, icon(picture), words));
    const button = byId("pause");
    button.setAttribute("aria-pressed", String(this.paused));
    button.replaceChildren(icon(this.paused ? "player-play" : "player-pause"), this.paused ? t("Go on") : t("Pause"));
  }
}

/** What the server tells, as it happens: server-sent events on the topics of the moment, resumed where they stopped. */
import { Emitter } from "../lib/emitter.ts";
import type { LiveEvent } from "./types.ts";

export const KINDS = [
  "interaction.opened",
  "interaction.moved",
  "flow.entered",
  "flow.step",
  "offer.made",
  "offer.rings",
  "offer.ended",
  "presence.changed",
  "call.answered",
  "call.held",
  "call.resumed",
  "call.muted",
  "call.agent_lost",
  "call.agent_back",
  "call.parked",
  "call.unparked",
  "transfer.made",
  "transfer.asked",
  "transfer.answered",
  "transfer.joined",
  "transfer.handed_over",
  "transfer.ended",
  "supervisor.asked",
  "supervisor.joined",
  "supervisor.changed",
  "supervisor.left",
  "supervisor.took_over",
  "supervisor.help_asked",
  "supervisor.help_over",
  "wrap_up.extended",
  "transcript.said",
  "transcript.partial",
  "recording.stored",
  "recording.failed",
  "transcript.ready",
  "message.received",
  "message.queued",
  "message.status",
  "note.added",
  "wrap_up.done",
  "consent.changed",
  "customer.changed",
];

const REOPEN_MS = 2_000;

export class Live {
  readonly onEvent = new Emitter<LiveEvent>();
  /** False while the line is down. */
  readonly onLine = new Emitter<boolean>();
  private source: EventSource | null = null;
  private topics = "";
  private after: string;
  private readonly kinds: string[];
  private up: boolean | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;

  constructor(after: string, kinds: string[] = KINDS) {
    this.after = after;
    this.kinds = kinds;
  }

  /** Listens to exactly these topics from now on; what happened meanwhile is told first. */
  follow(topics: string[]): void {
    const wanted = [...new Set(topics)].sort().join(",");
    if (wanted === this.topics) return;
    this.topics = wanted;
    this.open();
  }

  private open(): void {
    clearTimeout(this.retry);
    this.source?.close();
    const source = new EventSource(
      `/live?topics=${encodeURIComponent(this.topics)}&after=${encodeURIComponent(this.after)}${this.only()}`,
    );
    this.source = source;
    source.onopen = () => this.line(true);
    source.onerror = () => {
      this.line(false);
      // The browser reconnects by itself after a broken line, but gives up when it was refused.
      if (source.readyState === EventSource.CLOSED) this.retry = setTimeout(() => this.open(), REOPEN_MS);
    };
    for (const kind of this.kinds) source.addEventListener(kind, (event) => this.heard(event as MessageEvent<string>));
  }

  /** A page with kinds of its own is sent no others. */
  private only(): string {
    return this.kinds === KINDS ? "" : `&kinds=${encodeURIComponent(this.kinds.join(","))}`;
  }

  private heard(event: MessageEvent<string>): void {
    if (event.lastEventId) this.after = event.lastEventId;
    this.line(true);
    this.onEvent.emit({ ...(JSON.parse(event.data) as LiveEvent), kind: event.type });
  }

  private line(up: boolean): void {
    if (up === this.up) return;
    this.up = up;
    this.onLine.emit(up);
  }
}

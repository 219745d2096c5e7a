/**
 * Of all tabs of one agent exactly one holds the phone: the one with the lock. The others show what it does and may take it over.
 * The browser frees the lock of a closed or crashed tab by itself, so the next one in line becomes the phone at once.
 */
import { Emitter } from "../lib/emitter.ts";

export type Role = "leader" | "follower";

type Envelope = { from: string; kind: "news" | "command" | "hello"; body?: unknown };

export class TabLeader<News, Command> {
  readonly onRole = new Emitter<Role>();
  /** What the leading tab tells; heard in the following ones. */
  readonly onNews = new Emitter<News>();
  /** What a following tab asks for; heard in the leading one. */
  readonly onCommand = new Emitter<Command>();
  role: Role = "follower";
  private readonly id = crypto.randomUUID();
  private readonly channel: BroadcastChannel;
  private readonly name: string;
  private letGo: (() => void) | null = null;
  private lastNews: News | null = null;
  private closed = false;

  constructor(name: string) {
    this.name = name;
    this.channel = new BroadcastChannel(name);
    this.channel.onmessage = ({ data }: MessageEvent<Envelope>) => this.hear(data);
  }

  /** Waits in line for the phone; with `now`, takes it from whoever has it. */
  claim({ now = false } = {}): void {
    if (this.role === "leader") return;
    const lead = (): Promise<void> => this.lead();
    const held = now
      ? navigator.locks.request(this.name, { steal: true }, lead)
      : navigator.locks.request(this.name, lead);
    held.catch(() => this.lost());
    this.post({ kind: "hello" });
  }

  tell(news: News): void {
    this.lastNews = news;
    if (this.role === "leader") this.post({ kind: "news", body: news });
  }

  ask(command: Command): void {
    if (this.role === "leader") this.onCommand.emit(command);
    else this.post({ kind: "command", body: command });
  }

  close(): void {
    this.closed = true;
    this.letGo?.();
    this.channel.close();
  }

  private lead(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.become("leader");
    return new Promise((resolve) => (this.letGo = resolve));
  }

  /** Another tab took it: stand in line again, so that the phone comes back when that tab closes. */
  private lost(): void {
    this.letGo = null;
    this.become("follower");
    if (!this.closed) this.claim();
  }

  private hear(envelope: Envelope): void {
    if (envelope.from === this.id) return;
    if (envelope.kind === "news" && this.role === "follower") this.onNews.emit(envelope.body as News);
    if (envelope.kind === "command" && this.role === "leader") this.onCommand.emit(envelope.body as Command);
    if (envelope.kind === "hello" && this.role === "leader" && this.lastNews !== null) this.tell(this.lastNews);
  }

  private post(envelope: Omit<Envelope, "from">): void {
    this.channel.postMessage({ ...envelope, from: this.id });
  }

  private become(role: Role): void {
    if (role === this.role) return;
    this.role = role;
    this.onRole.emit(role);
  }
}

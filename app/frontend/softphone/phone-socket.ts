/** One line to the local carrier: text frames are JSON events, binary frames are audio. Comes back by itself when it breaks. */
import { Emitter } from "../lib/emitter.ts";

export type PhoneEvent = { event: string } & Record<string, unknown>;

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 8_000;
const PING_EVERY_MS = 10_000;
const SILENT_TOO_LONG_MS = 25_000;
const REGISTER_WITHIN_MS = 10_000;
const POLICY_VIOLATION = 1008; // the carrier refused the token or the address: trying again can't help until something changes

/** Doubles from a quarter second to eight, with up to 30 % of luck, so that a hundred phones don't come back in one instant. */
export function backoffMs(attempt: number, luck: number): number {
  return Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt) * (0.7 + 0.3 * luck);
}

export class PhoneSocket {
  readonly onEvent = new Emitter<PhoneEvent>();
  readonly onAudio = new Emitter<ArrayBuffer>();
  /** True when the carrier said `registered`, false when the line broke, with the reason when one was given. */
  readonly onLine = new Emitter<{ up: boolean; refused: string | null }>();
  address: string | null = null;

  private socket: WebSocket | null = null;
  private wanted = false;
  private attempt = 0;
  private lastHeard = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private pulse: ReturnType<typeof setInterval> | undefined;
  private readonly url: () => Promise<string>;

  /** `url` is asked before every attempt, because its token may have aged. */
  constructor(url: () => Promise<string>) {
    this.url = url;
    globalThis.addEventListener?.("online", this.hurry);
  }

  open(): void {
    if (this.wanted) return;
    this.wanted = true;
    this.attempt = 0;
    void this.try();
  }

  close(): void {
    this.wanted = false;
    clearTimeout(this.retry);
    this.drop(this.socket);
  }

  destroy(): void {
    this.close();
    globalThis.removeEventListener?.("online", this.hurry);
  }

  /** False when there is no line to send on. */
  send(event: PhoneEvent): boolean {
    if (this.address === null || this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(event));
    return true;
  }

  sendAudio(frame: Uint8Array<ArrayBuffer>): void {
    if (this.address !== null && this.socket?.readyState === WebSocket.OPEN) this.socket.send(frame);
  }

  private async try(): Promise<void> {
    const url = await this.url().catch(() => null);
    if (!this.wanted || this.socket) return;
    if (url === null) return this.tryLater();
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    const slow = setTimeout(() => this.drop(socket), REGISTER_WITHIN_MS);
    socket.onmessage = (message: MessageEvent<ArrayBuffer | string>) => {
      this.lastHeard = Date.now();
      if (message.data instanceof ArrayBuffer) this.onAudio.emit(message.data);
      else this.hear(message.data, slow);
    };
    socket.onclose = (close) => {
      clearTimeout(slow);
      this.lineEnded(
        socket,
        close.code === POLICY_VIOLATION && this.address === null ? close.reason || "refused" : null,
      );
    };
  }

  private hear(text: string, slow: ReturnType<typeof setTimeout>): void {
    const event = JSON.parse(text) as PhoneEvent;
    if (event.event === "registered") {
      clearTimeout(slow);
      this.address = String(event["address"] ?? "");
      this.attempt = 0;
      this.startPulse();
      this.onLine.emit({ up: true, refused: null });
    }
    this.onEvent.emit(event);
  }

  /** A laptop's lid or a dead network shows no close: silence does. */
  private startPulse(): void {
    clearInterval(this.pulse);
    this.pulse = setInterval(() => {
      if (Date.now() - this.lastHeard > SILENT_TOO_LONG_MS) this.drop(this.socket);
      else this.send({ event: "ping" });
    }, PING_EVERY_MS);
  }

  private drop(socket: WebSocket | null): void {
    if (!socket) return;
    socket.close();
    this.lineEnded(socket, null);
  }

  private lineEnded(socket: WebSocket, refused: string | null): void {
    if (socket !== this.socket) return;
    clearInterval(this.pulse);
    socket.onmessage = socket.onclose = null;
    this.socket = null;
    this.address = null;
    if (refused !== null) this.wanted = false;
    this.onLine.emit({ up: false, refused });
    if (this.wanted) this.tryLater();
  }

  private tryLater(): void {
    clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.try(), backoffMs(this.attempt++, Math.random()));
  }

  private readonly hurry = (): void => {
    if (!this.wanted || this.socket) return;
    clearTimeout(this.retry);
    void this.try();
  };
}

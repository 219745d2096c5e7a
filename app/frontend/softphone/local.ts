/** The softphone on our own carrier: its phone protocol over one WebSocket. */
import { Emitter } from "../lib/emitter.ts";
import { CallAudio, MicrophoneError, microphoneProblem, type WorkletUrls } from "./audio/call-audio.ts";
import type {
  CallNews,
  CallState,
  DeviceState,
  EndStatus,
  MicProblem,
  SoftphoneCall,
  SoftphoneDevice,
} from "./device.ts";
import { PhoneSocket, type PhoneEvent } from "./phone-socket.ts";
import { TokenSource } from "./tokens.ts";

export interface LocalOptions {
  /** A token, and the carrier's phone socket: an address, or a path on the page's own origin. */
  fetchLine: () => Promise<{ token: string; url: string }>;
  worklets: WorkletUrls;
}

const ENDINGS: ReadonlySet<string> = new Set(["completed", "busy", "no-answer", "failed", "canceled"]);

class LocalCall implements SoftphoneCall {
  sid = "";
  state: CallState;
  end: EndStatus | null = null;
  muted = false;
  openedAt: number | null = null;
  readonly direction: "in" | "out";
  readonly from: string;
  readonly to: string;
  readonly parameters: Readonly<Record<string, string>>;
  audio: CallAudio | null = null;
  private readonly device: LocalDevice;

  constructor(
    device: LocalDevice,
    about: Pick<SoftphoneCall, "direction" | "from" | "to" | "parameters">,
    state: CallState,
    sid = "",
  ) {
    this.device = device;
    this.direction = about.direction;
    this.from = about.from;
    this.to = about.to;
    this.parameters = about.parameters;
    this.state = state;
    this.sid = sid;
  }

  async accept(): Promise<void> {
    if (this.state !== "incoming") return;
    this.device.moved(this, "connecting");
    if (!(await this.device.openAudio(this))) return this.reject();
    if (this.is("connecting")) this.device.tell(this, "answer");
  }

  reject(): void {
    if (this.state === "incoming" || this.state === "connecting") this.device.tell(this, "reject");
    this.device.ended(this, this.end ?? "canceled");
  }

  hangup(): void {
    if (this.is("ended")) return;
    this.device.tell(this, "hangup");
    this.device.ended(this, "completed");
  }

  mute(muted: boolean): void {
    this.muted = muted;
    this.audio?.mute(muted);
    this.device.moved(this, this.state);
  }

  sendDigits(digits: string): void {
    this.device.tell(this, "dtmf", { digits });
  }

  /** The state may change while we wait, which narrowing by the compiler can't see. */
  is(state: CallState): boolean {
    return this.state === state;
  }
}

export class LocalDevice implements SoftphoneDevice {
  state: DeviceState = "offline";
  problem: string | null = null;
  call: LocalCall | null = null;
  readonly socket: PhoneSocket;
  private readonly incoming = new Emitter<SoftphoneCall>();
  private readonly states = new Emitter<DeviceState>();
  private readonly calls = new Emitter<CallNews>();
  private readonly levels = new Emitter<number>();
  private readonly tokens: TokenSource;
  private readonly worklets: WorkletUrls;
  private unnamed: LocalCall | null = null;
  private triedFreshToken = false;

  constructor({ fetchLine, worklets }: LocalOptions) {
    this.worklets = worklets;
    let path = "";
    this.tokens = new TokenSource(async () => {
      const line = await fetchLine();
      path = line.url;
      return line.token;
    });
    this.socket = new PhoneSocket(async () => {
      const token = await this.tokens.get();
      const url = new URL(path, location.href);
      url.protocol = url.protocol.replace("http", "ws");
      url.searchParams.set("token", token);
      return url.href;
    });
    this.socket.onLine.on(({ up, refused }) => this.lineChanged(up, refused));
    this.socket.onEvent.on((event) => this.heard(event));
    this.socket.onAudio.on((frame) => this.call?.audio?.play(frame));
  }

  /** What this phone shows when it asks about itself. */
  token(): Promise<string> {
    return this.tokens.get();
  }

  register(): Promise<void> {
    if (this.state === "registered") return Promise.resolve();
    this.become("connecting");
    this.socket.open();
    return new Promise((resolve, reject) => {
      const stop = this.states.on((state) => {
        if (state === "connecting") return;
        stop();
        if (state === "registered") resolve();
        else reject(new Error(this.problem ?? "The phone was switched off."));
      });
    });
  }

  async unregister(): Promise<void> {
    this.socket.close();
    this.become("offline");
  }

  async connect(params: Record<string, string>): Promise<SoftphoneCall> {
    if (this.call) throw new Error("One call at a time: this phone is in a call.");
    const to = params["To"] ?? "";
    const call = new LocalCall(
      this,
      { direction: "out", from: this.socket.address ?? "", to, parameters: params },
      "dialing",
    );
    this.call = this.unnamed = call;
    this.moved(call, "dialing");
    if ((await this.openAudio(call)) && !call.is("ended")) {
      if (!this.socket.send({ event: "dial", to, params })) this.ended(call, "lost");
    }
    return call;
  }

  onIncoming(listener: (call: SoftphoneCall) => void): () => void {
    return this.incoming.on(listener);
  }

  onState(listener: (state: DeviceState) => void): () => void {
    return this.states.on(listener);
  }

  onCall(listener: (news: CallNews) => void): () => void {
    return this.calls.on(listener);
  }

  onLevel(listener: (level: number) => void): () => void {
    return this.levels.on(listener);
  }

  checkMicrophone(): Promise<MicProblem | null> {
    return microphoneProblem();
  }

  destroy(): void {
    this.tokens.stop();
    this.socket.destroy();
    if (this.call) this.ended(this.call, "lost");
    this.become("offline");
    for (const emitter of [this.incoming, this.states, this.calls, this.levels]) emitter.clear();
  }

  /** Opens microphone and loudspeaker for a call; false (and the call ended) when that can't be. */
  async openAudio(call: LocalCall): Promise<boolean> {
    try {
      const audio = await CallAudio.open(
        this.worklets,
        (frame) => call.is("open") && this.socket.sendAudio(frame),
        (report) => this.levels.emit(report.level),
      );
      if (call.is("ended")) audio.close();
      else call.audio = audio;
      return !call.is("ended");
    } catch (error) {
      this.ended(call, error instanceof MicrophoneError ? `microphone-${error.problem}` : "failed");
      return false;
    }
  }

  tell(call: LocalCall, event: string, more: Record<string, unknown> = {}): void {
    if (call.sid) this.socket.send({ event, callSid: call.sid, ...more });
  }

  moved(call: LocalCall, state: CallState): void {
    if (call.is("ended")) return;
    call.state = state;
    if (state === "open") call.openedAt ??= Date.now();
    this.calls.emit({ call, state, end: call.end, muted: call.muted });
  }

  ended(call: LocalCall, end: EndStatus): void {
    if (call.is("ended")) return;
    call.end = end;
    call.audio?.close();
    call.audio = null;
    if (this.call === call) this.call = null;
    // An unnamed call that was given up is hung up when the carrier names it.
    call.state = "ended";
    this.calls.emit({ call, state: "ended", end, muted: call.muted });
  }

  private heard(event: PhoneEvent): void {
    const sid = typeof event["callSid"] === "string" ? event["callSid"] : "";
    if (event.event === "dialing") return this.named(sid);
    if (event.event === "incoming") return this.offered(event, sid);
    if (event.event === "error") return this.refused(event);
    const call = this.call;
    if (!call || call.sid !== sid) return;
    if (event.event === "ringing") this.moved(call, "ringing");
    if (event.event === "answered") this.moved(call, "open");
    if (event.event === "canceled") this.ended(call, "canceled");
    if (event.event === "ended")
      this.ended(call, ENDINGS.has(String(event["status"])) ? (event["status"] as EndStatus) : "failed");
  }

  private named(sid: string): void {
    const call = this.unnamed;
    this.unnamed = null;
    if (!call) return;
    call.sid = sid;
    if (call.is("ended")) this.tell(call, "hangup");
  }

  private offered(event: PhoneEvent, sid: string): void {
    if (this.call) return; // the carrier offers calls to free phones only; a race is its to settle
    const parameters = (event["parameters"] ?? {}) as Record<string, string>;
    const call = new LocalCall(
      this,
      { direction: "in", from: String(event["from"] ?? ""), to: String(event["to"] ?? ""), parameters },
      "incoming",
      sid,
    );
    this.call = call;
    this.incoming.emit(call);
    this.moved(call, "incoming");
  }

  /** An error before the carrier named our call is about that call. */
  private refused(event: PhoneEvent): void {
    this.problem = String(event["message"] ?? "");
    const call = this.unnamed;
    this.unnamed = null;
    if (call) this.ended(call, "failed");
  }

  private lineChanged(up: boolean, refused: string | null): void {
    this.problem = refused;
    if (!up) {
      if (this.state !== "registered") this.tokens.stop(); // refused before it began: an aged token may be why
      this.unnamed = null;
      if (this.call) this.ended(this.call, "lost");
    }
    if (up) this.triedFreshToken = false;
    if (up) this.become("registered");
    else if (refused !== null) this.refusedLine();
    else if (this.state !== "offline") this.become("connecting");
  }

  /** A carrier that restarted may know other secrets: one fresh token is worth a try, a second refusal is meant. */
  private refusedLine(): void {
    if (this.triedFreshToken) return this.become("failed");
    this.triedFreshToken = true;
    this.become("connecting");
    this.socket.open();
  }

  private become(state: DeviceState): void {
    if (state === this.state) return;
    this.state = state;
    this.states.emit(state);
  }
}

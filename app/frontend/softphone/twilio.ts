/** The softphone on Twilio: the official SDK, served from our own origin with our own sounds, telling nothing to anyone else. */
import { Call, Device } from "@twilio/voice-sdk";
import { Emitter } from "../lib/emitter.ts";
import { microphoneProblem } from "./audio/call-audio.ts";
import type {
  CallNews,
  CallState,
  DeviceState,
  EndStatus,
  MicProblem,
  SoftphoneCall,
  SoftphoneDevice,
} from "./device.ts";
import { TokenSource } from "./tokens.ts";

export interface TwilioOptions {
  fetchToken: () => Promise<string>;
  /** Folder of our own sounds, ending in a slash. */
  sounds: string;
  /** Twilio's edge locations, nearest first. */
  edge?: string[];
}

const TOKEN_REFRESH_MS = 60_000;
const TOKEN_ERRORS = new Set([20101, 20104, 31204, 31205, 51207]); // invalid or expired token: a fresh one mends it
const MICROPHONE_ERRORS: Record<number, MicProblem> = { 31401: "blocked", 31402: "busy" };
const KEYS = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "s", "h"];

function soundsIn(folder: string): Record<string, string> {
  const keys = KEYS.map((key) => [`dtmf${key}`, `${folder}dtmf-${key}.wav`] as const);
  // The ring is ours to play (on the chosen speaker, in the leading tab), so the SDK gets silence for it.
  return {
    incoming: `${folder}silence.wav`,
    outgoing: `${folder}silence.wav`,
    disconnect: `${folder}hangup.wav`,
    ...Object.fromEntries(keys),
  };
}

class TwilioCall implements SoftphoneCall {
  state: CallState;
  end: EndStatus | null = null;
  openedAt: number | null = null;
  readonly direction: "in" | "out";
  readonly parameters: Readonly<Record<string, string>>;
  private readonly real: Call;
  private readonly news: Emitter<CallNews>;
  private readonly to_: string;

  constructor(real: Call, direction: "in" | "out", to: string, news: Emitter<CallNews>, levels: Emitter<number>) {
    this.real = real;
    this.direction = direction;
    this.to_ = to;
    this.news = news;
    this.state = direction === "in" ? "incoming" : "dialing";
    this.parameters = { ...real.parameters, ...Object.fromEntries(real.customParameters) };
    real.on("ringing", () => this.moved("ringing"));
    real.on("accept", () => this.moved("open"));
    real.on("mute", () => this.moved(this.state));
    real.on("disconnect", () => this.ended("completed"));
    real.on("cancel", () => this.ended("canceled"));
    real.on("reject", () => this.ended("canceled"));
    real.on("error", (error: { code?: number }) => this.failed(error.code ?? 0));
    real.on("volume", (_input: number, output: number) => levels.emit(output));
  }

  get sid(): string {
    return this.real.parameters["CallSid"] ?? "";
  }

  get from(): string {
    return this.real.parameters["From"] ?? "";
  }

  get to(): string {
    return this.to_ || (this.real.parameters["To"] ?? "");
  }

  get muted(): boolean {
    return this.real.isMuted();
  }

  async accept(): Promise<void> {
    if (this.state !== "incoming") return;
    this.moved("connecting");
    this.real.accept();
  }

  reject(): void {
    this.real.reject();
  }

  hangup(): void {
    this.real.disconnect();
  }

  mute(muted: boolean): void {
    this.real.mute(muted);
  }

  sendDigits(digits: string): void {
    this.real.sendDigits(digits);
  }

  private failed(code: number): void {
    const microphone = MICROPHONE_ERRORS[code];
    if (microphone) this.ended(`microphone-${microphone}`);
    else if (this.real.status() === Call.State.Closed) this.ended("failed");
  }

  private ended(end: EndStatus): void {
    if (this.state === "ended") return;
    this.end = end;
    this.moved("ended");
  }

  private moved(state: CallState): void {
    this.state = state;
    if (state === "open") this.openedAt ??= Date.now();
    this.news.emit({ call: this, state, end: this.end, muted: this.muted });
  }
}

const STATES: Record<string, DeviceState> = {
  unregistered: "offline",
  registering: "connecting",
  registered: "registered",
  destroyed: "offline",
};

export class TwilioDevice implements SoftphoneDevice {
  problem: string | null = null;
  call: TwilioCall | null = null;
  state: DeviceState = "offline";
  private device: Device | null = null;
  private wanted = false;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private readonly incoming = new Emitter<SoftphoneCall>();
  private readonly states = new Emitter<DeviceState>();
  private readonly calls = new Emitter<CallNews>();
  private readonly levels = new Emitter<number>();
  private readonly tokens: TokenSource;
  private readonly options: TwilioOptions;

  constructor(options: TwilioOptions) {
    this.options = options;
    this.tokens = new TokenSource(options.fetchToken, (token) => this.device?.updateToken(token));
    this.calls.on(({ call, state }) => {
      if (state === "ended" && this.call === call) this.call = null;
    });
  }

  async register(): Promise<void> {
    this.wanted = true;
    this.become("connecting");
    const token = await this.tokens.get();
    this.device ??= this.makeDevice(token);
    if (this.device.state === Device.State.Unregistered) await this.device.register();
  }

  async unregister(): Promise<void> {
    this.wanted = false;
    clearTimeout(this.retry);
    if (this.device?.state === Device.State.Registered) await this.device.unregister();
    this.become("offline");
  }

  async connect(params: Record<string, string>): Promise<SoftphoneCall> {
    if (this.call) throw new Error("One call at a time: this phone is in a call.");
    if (!this.device) throw new Error("The phone is not ready yet.");
    const real = await this.device.connect({ params });
    return this.holding(new TwilioCall(real, "out", params["To"] ?? "", this.calls, this.levels));
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
    this.wanted = false;
    clearTimeout(this.retry);
    this.tokens.stop();
    this.device?.destroy();
    this.become("offline");
    for (const emitter of [this.incoming, this.states, this.calls, this.levels]) emitter.clear();
  }

  private makeDevice(token: string): Device {
    const device = new Device(token, {
      codecPreferences: [Call.Codec.PCMU, Call.Codec.Opus],
      edge: this.options.edge ?? ["roaming"],
      logLevel: "error",
      sounds: soundsIn(this.options.sounds) as NonNullable<Device.Options["sounds"]>,
      tokenRefreshMs: TOKEN_REFRESH_MS,
      ...({ publishEvents: false } as object), // not in the SDK's types; without it every call is reported to a third host
    });
    for (const [name, state] of Object.entries(STATES)) device.on(name, () => this.deviceIs(state));
    device.on("incoming", (real: Call) => this.offered(real));
    device.on("tokenWillExpire", () =>
      this.tokens.get().then(
        (fresh) => device.updateToken(fresh),
        () => {},
      ),
    );
    device.on("error", (error: { code?: number; message?: string }) => this.failed(error));
    return device;
  }

  private offered(real: Call): void {
    const call = this.holding(new TwilioCall(real, "in", "", this.calls, this.levels));
    this.incoming.emit(call);
    this.calls.emit({ call, state: "incoming", end: null, muted: false });
  }

  private holding(call: TwilioCall): TwilioCall {
    this.call = call;
    return call;
  }

  private failed({ code, message }: { code?: number; message?: string }): void {
    this.problem = message ?? null;
    if (!TOKEN_ERRORS.has(code ?? 0)) return;
    this.tokens.stop();
    this.again();
  }

  /** The SDK mends its own line but gives up registering when a token was refused. */
  private deviceIs(state: DeviceState): void {
    this.become(state === "offline" && this.wanted ? "connecting" : state);
    if (state === "registered") this.problem = null;
    if (state === "offline" && this.wanted) this.again();
  }

  private again(): void {
    clearTimeout(this.retry);
    this.retry = setTimeout(() => {
      this.tokens.get().then(
        async (token) => {
          this.device?.updateToken(token);
          if (this.wanted && this.device?.state === Device.State.Unregistered) await this.device.register();
        },
        () => this.again(),
      );
    }, 2_000);
  }

  private become(state: DeviceState): void {
    if (state === this.state) return;
    this.state = state;
    this.states.emit(state);
  }
}

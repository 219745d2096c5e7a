/**
 * The agent's phone over all their tabs: the leading tab holds the device, the others show it and pass commands on.
 * It says at any moment whether it would ring, and if not, what is in the way.
 */
import { Emitter } from "../lib/emitter.ts";
import { call as request } from "../lib/http.ts";
import { microphoneProblem, unlockAudio } from "../softphone/audio/call-audio.ts";
import type { CallNews, CallState, DeviceState, EndStatus, MicProblem, SoftphoneDevice } from "../softphone/device.ts";
import { TabLeader, type Role } from "../softphone/leader.ts";

export interface PhoneCall {
  sid: string;
  interactionId: string | null;
  from: string;
  state: CallState;
  muted: boolean;
  end: EndStatus | null;
}

export interface PhoneStatus {
  role: Role;
  device: DeviceState;
  /** Why the device failed, in the carrier's words. */
  deviceProblem: string | null;
  mic: MicProblem | null | "unasked";
  call: PhoneCall | null;
}

export type PhoneCommand = { do: "answer" } | { do: "reject" } | { do: "hangup" } | { do: "mute"; muted: boolean };

/** The server's word for what is in the way; null when the phone would ring. */
export function problemOf({ role, mic, device }: PhoneStatus): string | null {
  if (role === "follower") return "other_tab";
  if (mic === "missing") return "no_microphone";
  if (mic === "unasked") return "no_gesture";
  if (mic !== null) return "microphone_blocked";
  return device === "registered" ? null : "not_registered";
}

interface TokenReply {
  mode: "local" | "twilio";
  token: string;
  url: string | null;
}

export interface PhoneAssets {
  capture: string;
  playout: string;
  sounds: string;
}

const LOCK = "throughline-phone";

export class AgentPhone {
  readonly onStatus = new Emitter<PhoneStatus>();
  /** Loudness of the far end, 0 to 1; in the leading tab only. */
  readonly onLevel = new Emitter<number>();
  status: PhoneStatus = { role: "follower", device: "offline", deviceProblem: null, mic: "unasked", call: null };
  private readonly tabs = new TabLeader<PhoneStatus, PhoneCommand>(LOCK);
  private readonly assets: PhoneAssets;
  private device: SoftphoneDevice | null = null;
  private answerWhenItRings = false;
  /** A token asked for before it is needed: after a reload in mid-call every second counts. */
  private early: Promise<TokenReply | null> | null = null;

  constructor(assets: PhoneAssets) {
    this.assets = assets;
    this.tabs.onRole.on((role) => void this.roleIs(role));
    this.tabs.onNews.on((news) => this.now({ ...news, role: "follower" }));
    this.tabs.onCommand.on((command) => this.obey(command));
  }

  /** Stands in line for the phone and looks at the microphone's permission, without asking for it. */
  async start(): Promise<void> {
    this.early = this.token().catch(() => null);
    this.tabs.claim();
    this.now({ mic: await this.micWithoutAsking() });
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.lookAtMic());
    if (this.status.role === "leader") await this.switchOn();
  }

  /** From a click: lets sound be heard and asks for the microphone. */
  async allowSound(): Promise<void> {
    await unlockAudio(this.assets).catch(() => {});
    this.now({ mic: await microphoneProblem() });
    if (this.status.role === "leader") await this.switchOn();
  }

  useHere(): void {
    this.tabs.claim({ now: true });
  }

  async tryAgain(): Promise<void> {
    this.device?.destroy();
    this.device = null;
    await this.switchOn();
  }

  /** Also before the ring arrived: then the call is answered when it does. */
  answer(): void {
    this.tabs.ask({ do: "answer" });
  }

  reject(): void {
    this.tabs.ask({ do: "reject" });
  }

  hangup(): void {
    this.tabs.ask({ do: "hangup" });
  }

  mute(muted: boolean): void {
    this.tabs.ask({ do: "mute", muted });
  }

  close(): void {
    this.device?.destroy();
    this.tabs.close();
  }

  private obey(command: PhoneCommand): void {
    const call = this.device?.call;
    if (command.do === "answer") {
      this.answerWhenItRings = !call;
      if (call) void call.accept();
    }
    if (command.do === "reject") {
      this.answerWhenItRings = false;
      call?.reject();
    }
    if (command.do === "hangup") call?.hangup();
    if (command.do === "mute") call?.mute(command.muted);
  }

  private async roleIs(role: Role): Promise<void> {
    this.now({ role });
    if (role === "leader") return this.switchOn();
    this.device?.destroy();
    this.device = null;
    this.now({ device: "offline", call: null });
  }

  /** Only with a microphone: a phone that could not speak must not ring. */
  private async switchOn(): Promise<void> {
    if (this.status.mic !== null || this.device) return;
    this.now({ device: "connecting", deviceProblem: null });
    try {
      const first = (await this.early) ?? (await this.token());
      this.early = null;
      if (this.device || this.status.role !== "leader") return;
      const device = await this.makeDevice(first);
      this.device = device;
      device.onState((state) => this.now({ device: state, deviceProblem: device.problem }));
      device.onCall((news) => this.callMoved(news));
      device.onLevel((level) => this.onLevel.emit(level));
      await device.register();
    } catch (error) {
      this.now({ device: "failed", deviceProblem: (error as Error).message });
    }
  }

  private async makeDevice(first: TokenReply): Promise<SoftphoneDevice> {
    let unused: TokenReply | null = first;
    const fetchLine = async (): Promise<{ token: string; url: string }> => {
      const { token, url } = unused ?? (await this.token());
      unused = null;
      return { token, url: url ?? "/phone/socket" };
    };
    if (first.mode === "twilio") {
      const { TwilioDevice } = await import("../softphone/twilio.ts");
      return new TwilioDevice({ fetchToken: async () => (await fetchLine()).token, sounds: this.assets.sounds });
    }
    const { LocalDevice } = await import("../softphone/local.ts");
    return new LocalDevice({ fetchLine, worklets: this.assets });
  }

  private token(): Promise<TokenReply> {
    return request<TokenReply>("GET", "/desktop/token");
  }

  private callMoved({ call, state, end, muted }: CallNews): void {
    this.now({
      call:
        state === "ended"
          ? null
          : {
              sid: call.sid,
              interactionId: call.parameters["interactionId"] ?? null,
              from: call.from,
              state,
              muted,
              end,
            },
    });
    if (state !== "incoming") return;
    // What the agent asked for themselves (a call out, a rejoin after a reload) is not offered: it is there.
    if (call.parameters["autoAnswer"] === "1" || this.answerWhenItRings) void call.accept();
    this.answerWhenItRings = false;
  }

  private async lookAtMic(): Promise<void> {
    if (this.status.mic === "unasked") return;
    const devices = await navigator.mediaDevices.enumerateDevices();
    const hasInput = devices.some((device) => device.kind === "audioinput");
    if (!hasInput) this.now({ mic: "missing" });
    else if (this.status.mic === "missing") this.now({ mic: await microphoneProblem() });
    if (this.status.role === "leader") await this.switchOn();
  }

  private async micWithoutAsking(): Promise<PhoneStatus["mic"]> {
    if (!navigator.mediaDevices) return "insecure";
    const permission = await navigator.permissions?.query({ name: "microphone" as PermissionName }).catch(() => null);
    permission?.addEventListener("change", () => void this.permissionIs(permission.state));
    if (permission?.state === "denied") return "blocked";
    return permission?.state === "granted" ? microphoneProblem() : "unasked";
  }

  private async permissionIs(state: PermissionState): Promise<void> {
    this.now({ mic: state === "granted" ? await microphoneProblem() : state === "denied" ? "blocked" : "unasked" });
    if (this.status.role === "leader") await this.switchOn();
  }

  private now(change: Partial<PhoneStatus>): void {
    this.status = { ...this.status, ...change };
    this.tabs.tell(this.status);
    this.onStatus.emit(this.status);
  }
}

/** What the pages know of a softphone. Two kinds stand behind it: `local.ts` (our own carrier) and `twilio.ts` (@twilio/voice-sdk). */
import type { MicProblem } from "./audio/call-audio.ts";

export type { MicProblem };

/** `offline` until register, `connecting` also while it tries again by itself, `failed` when trying again can't help. */
export type DeviceState = "offline" | "connecting" | "registered" | "failed";

/** dialing → ringing → open → ended for calls out; incoming → connecting → open → ended for calls in. */
export type CallState = "dialing" | "ringing" | "incoming" | "connecting" | "open" | "ended";

/** How a call ended, in the carrier's words, and `lost` when our own line to the carrier broke. */
export type EndStatus =
  "completed" | "busy" | "no-answer" | "failed" | "canceled" | "lost" | `microphone-${MicProblem}`;

export interface CallNews {
  call: SoftphoneCall;
  state: CallState;
  end: EndStatus | null;
  muted: boolean;
}

export interface SoftphoneCall {
  /** The carrier's CallSid; empty until the carrier named the call. */
  readonly sid: string;
  readonly direction: "in" | "out";
  readonly from: string;
  readonly to: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly state: CallState;
  readonly end: EndStatus | null;
  readonly muted: boolean;
  /** Milliseconds of the page's clock when both could first speak, else null. */
  readonly openedAt: number | null;
  accept(): Promise<void>;
  reject(): void;
  hangup(): void;
  mute(muted: boolean): void;
  /** Keys 0-9 * # and w (half a second of waiting). */
  sendDigits(digits: string): void;
}

export interface SoftphoneDevice {
  readonly state: DeviceState;
  /** Why it is not registered, in words, when it knows. */
  readonly problem: string | null;
  readonly call: SoftphoneCall | null;
  register(): Promise<void>;
  unregister(): Promise<void>;
  connect(params: Record<string, string>): Promise<SoftphoneCall>;
  onIncoming(listener: (call: SoftphoneCall) => void): () => void;
  onState(listener: (state: DeviceState) => void): () => void;
  onCall(listener: (news: CallNews) => void): () => void;
  /** Loudness of the far end, 0 to 1, about ten times a second while a call is open. */
  onLevel(listener: (level: number) => void): () => void;
  /** Null when it can hear us; asks for leave when the browser wants to. */
  checkMicrophone(): Promise<MicProblem | null>;
  destroy(): void;
}

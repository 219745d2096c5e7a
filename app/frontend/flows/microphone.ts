/** One utterance from the microphone, as a telephone would send it: mu-law at 8 kHz. It ends at silence, at a click, or when it gets long. */
import { MicrophoneError, openMicrophone, type MicProblem } from "../softphone/audio/call-audio.ts";
import { decodeMulaw } from "../softphone/audio/mulaw.ts";
import { t } from "../lib/texts.ts";

const RATE_HZ = 48000; // what the capture worklet expects
const FRAME_MS = 20;
const LOUD = 0.012; // of full scale, root mean square: speech in a quiet room is above it, breath below
const SPOKEN_MS = 160; // less than that is a click or a cough
const PAUSE_MS = 1_100;
const NOBODY_SPEAKS_MS = 7_000;
const LONGEST_MS = 14_500; // the server hears 15 s

export class Utterance {
  private readonly frames: Uint8Array[] = [];
  private spokenMs = 0;
  private quietMs = 0;
  private finish: () => void = () => {};
  private readonly whole = new Promise<void>((done) => (this.finish = done));

  /** Ends the recording; what was said so far counts. */
  stop(): void {
    this.finish();
  }

  /** The sound in base64; null when nobody spoke. Rejects with a sentence when there is no microphone. */
  async record(worklet: string): Promise<string | null> {
    const stream = await openMicrophone().catch((error: unknown) => {
      throw new Error(mend(error instanceof MicrophoneError ? error.problem : "busy"));
    });
    const context = new AudioContext({ sampleRate: RATE_HZ });
    try {
      await context.audioWorklet.addModule(worklet);
      await context.resume();
      const capture = new AudioWorkletNode(context, "throughline-capture", { numberOfOutputs: 0 });
      capture.port.onmessage = ({ data }: MessageEvent<Uint8Array>) => this.take(data);
      context.createMediaStreamSource(stream).connect(capture);
      await this.whole;
      capture.port.postMessage({ stop: true });
    } finally {
      stream.getTracks().forEach((track) => track.stop());
      void context.close();
    }
    return this.spokenMs >= SPOKEN_MS ? base64(this.frames) : null;
  }

  private take(frame: Uint8Array): void {
    this.frames.push(frame);
    const isLoud = loudness(frame) > LOUD;
    if (isLoud) this.spokenMs += FRAME_MS;
    this.quietMs = isLoud ? 0 : this.quietMs + FRAME_MS;
    const hasSpoken = this.spokenMs >= SPOKEN_MS;
    if (this.quietMs >= (hasSpoken ? PAUSE_MS : NOBODY_SPEAKS_MS) || this.frames.length * FRAME_MS >= LONGEST_MS) this.stop();
  }
}

function loudness(frame: Uint8Array): number {
  return Math.sqrt(frame.reduce((sum, byte) => sum + decodeMulaw(byte) ** 2, 0) / frame.length);
}

function base64(frames: Uint8Array[]): string {
  return btoa(frames.map((frame) => String.fromCharCode(...frame)).join(""));
}

function mend(problem: MicProblem): string {
  return {
    blocked: t("The browser keeps the microphone from this page. Allow it beside the address, then try again."),
    missing: t("No microphone was found. Plug one in, then try again."),
    busy: t("The microphone is used by something else. Close that, then try again."),
    insecure: t("Browsers give the microphone to pages over HTTPS or on this machine only."),
  }[problem];
}

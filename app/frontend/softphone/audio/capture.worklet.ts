import { encodeMulaw, SILENCE } from "./mulaw.ts";
import { Decimator } from "./resample.ts";
import { FRAME_SAMPLES } from "./worklet-globals.ts";

/** Microphone at 48 kHz in; out through the port: one Uint8Array of 160 mu-law bytes every 20 ms, silence while muted. */
class CaptureProcessor extends AudioWorkletProcessor {
  private readonly decimator = new Decimator();
  private frame = new Uint8Array(FRAME_SAMPLES);
  private filled = 0;
  private muted = false;
  private stopped = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<{ muted?: boolean; stop?: boolean }>) => {
      if (data.muted !== undefined) this.muted = data.muted;
      if (data.stop) this.stopped = true;
    };
  }

  override process([input]: Float32Array[][]): boolean {
    const channel = input?.[0];
    if (channel) this.decimator.push(channel, (sample) => this.emit(sample));
    return !this.stopped;
  }

  private emit(sample: number): void {
    this.frame[this.filled++] = this.muted ? SILENCE : encodeMulaw(sample);
    if (this.filled < FRAME_SAMPLES) return;
    this.port.postMessage(this.frame, [this.frame.buffer]);
    this.frame = new Uint8Array(FRAME_SAMPLES);
    this.filled = 0;
  }
}

registerProcessor("throughline-capture", CaptureProcessor);

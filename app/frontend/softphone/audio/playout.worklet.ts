import { JitterBuffer } from "./jitter.ts";
import { decodeMulaw, isQuiet } from "./mulaw.ts";
import { FACTOR, Interpolator } from "./resample.ts";
import { FRAME_SAMPLES } from "./worklet-globals.ts";

const BLOCK_SAMPLES = FRAME_SAMPLES * FACTOR;
const REPORT_EVERY_FRAMES = 5;

/** Frames of 160 mu-law bytes in through the port, 48 kHz out; reports loudness (0 to 1) and queue health ten times a second. */
class PlayoutProcessor extends AudioWorkletProcessor {
  private readonly jitter = new JitterBuffer<Uint8Array>({ isQuiet });
  private readonly interpolator = new Interpolator();
  private readonly block = new Float32Array(BLOCK_SAMPLES);
  private at = BLOCK_SAMPLES;
  private loudest = 0;
  private framesSinceReport = 0;
  private stopped = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<Uint8Array | { stop: true }>) => {
      if (data instanceof Uint8Array) this.jitter.push(data);
      else this.stopped = true;
    };
  }

  override process(_inputs: Float32Array[][], [output]: Float32Array[][]): boolean {
    const channel = output?.[0];
    if (!channel) return !this.stopped;
    for (let i = 0; i < channel.length; i++) {
      if (this.at === BLOCK_SAMPLES) this.nextBlock();
      channel[i] = this.block[this.at++] ?? 0;
    }
    for (const other of output.slice(1)) other.set(channel);
    return !this.stopped;
  }

  private nextBlock(): void {
    const frame = this.jitter.pull();
    for (let i = 0; i < FRAME_SAMPLES; i++) {
      const sample = frame ? decodeMulaw(frame[i] ?? 0xff) : 0;
      this.loudest = Math.max(this.loudest, Math.abs(sample));
      this.interpolator.push(sample, this.block, i * FACTOR);
    }
    this.at = 0;
    this.report();
  }

  private report(): void {
    if (++this.framesSinceReport < REPORT_EVERY_FRAMES) return;
    const { depth, underruns, dropped } = this.jitter;
    this.port.postMessage({ level: this.loudest, depth, underruns, dropped });
    this.loudest = 0;
    this.framesSinceReport = 0;
  }
}

registerProcessor("throughline-playout", PlayoutProcessor);

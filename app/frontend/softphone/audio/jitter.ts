const CALM_FRAMES = 250; // five seconds

/**
 * A queue of 20 ms frames that evens out late and early arrivals.
 *
 * Play starts (and starts again after running dry) once `target` frames wait. Each time it runs dry it waits for one more, up to
 * `most`; each calm while takes one back, down to `least`: a steady line is heard soon, an unsteady one without holes. When over a whole window the queue never fell as low as
 * it does with a steady sender, what lay idle is surplus: left by a burst after a pause in the network, or by a sender whose clock is
 * ahead of ours. It is dropped where nobody misses it, in quiet frames; while somebody talks on, one frame a window.
 */
export class JitterBuffer<Frame> {
  private readonly frames: Frame[] = [];
  private filling = true;
  private shallowest = Infinity;
  private pullsInWindow = 0;
  private surplus = 0;
  underruns = 0;
  dropped = 0;
  private target: number;
  private calmPulls = 0;
  private readonly least: number;
  private readonly most: number;
  private readonly windowFrames: number;
  private readonly limit: number;
  private readonly isQuiet: (frame: Frame) => boolean;

  constructor({
    least = 2,
    most = 5,
    windowFrames = 25,
    limit = 50,
    isQuiet = (_: Frame): boolean => false,
  }: { least?: number; most?: number; windowFrames?: number; limit?: number; isQuiet?: (frame: Frame) => boolean } = {}) {
    this.target = this.least = least;
    this.most = most;
    this.windowFrames = windowFrames;
    this.limit = limit;
    this.isQuiet = isQuiet;
  }

  get depth(): number {
    return this.frames.length;
  }

  /** A burst longer than the limit (a tab that slept) is not worth hearing late: only the newest frames are kept. */
  push(frame: Frame): void {
    this.frames.push(frame);
    if (this.frames.length > this.limit) this.drop(this.frames.length - this.target);
  }

  /** The next frame, or null while there is nothing to play. */
  pull(): Frame | null {
    if (this.filling && this.frames.length < this.target) return null;
    this.filling = false;
    this.dropQuiet();
    const frame = this.frames.shift() ?? null;
    if (frame === null) this.runDry();
    else this.watch();
    return frame;
  }

  private runDry(): void {
    this.underruns += 1;
    this.filling = true;
    this.target = Math.min(this.most, this.target + 1);
    this.calmPulls = 0;
    this.surplus = 0;
    this.restartWindow();
  }

  private dropQuiet(): void {
    while (this.surplus > 0 && this.frames.length > this.target && this.isQuiet(this.frames[0]!)) {
      this.drop(1);
      this.surplus -= 1;
    }
  }

  private watch(): void {
    this.shallowest = Math.min(this.shallowest, this.frames.length);
    this.pullsInWindow += 1;
    if (++this.calmPulls >= CALM_FRAMES) {
      this.target = Math.max(this.least, this.target - 1);
      this.calmPulls = 0;
    }
    if (this.pullsInWindow < this.windowFrames) return;
    this.surplus = Math.max(0, this.shallowest - this.target + 1);
    if (this.surplus > 1) {
      this.drop(1);
      this.surplus -= 1;
    }
    this.restartWindow();
  }

  private drop(count: number): void {
    this.dropped += this.frames.splice(0, count).length;
  }

  private restartWindow(): void {
    this.shallowest = Infinity;
    this.pullsInWindow = 0;
  }
}

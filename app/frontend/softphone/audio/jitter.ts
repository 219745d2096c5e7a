/**
 * A queue of 20 ms frames that evens out late and early arrivals.
 *
 * Play starts (and starts again after running dry) once `target` frames wait. When over a whole window the queue never fell to the target,
 * the sender's clock is ahead of ours: one frame is dropped, so the delay does not grow with the length of the call.
 */
export class JitterBuffer<Frame> {
  private readonly frames: Frame[] = [];
  private filling = true;
  private shallowest = Infinity;
  private pullsInWindow = 0;
  underruns = 0;
  dropped = 0;
  private readonly target: number;
  private readonly windowFrames: number;
  private readonly limit: number;

  constructor({ target = 3, windowFrames = 40, limit = 50 } = {}) {
    this.target = target;
    this.windowFrames = windowFrames;
    this.limit = limit;
  }

  get depth(): number {
    return this.frames.length;
  }

  /** A burst longer than the limit (a tab that slept) is not worth hearing late: only the newest frames are kept. */
  push(frame: Frame): void {
    this.frames.push(frame);
    if (this.frames.length > this.limit) this.dropped += this.frames.splice(0, this.frames.length - this.target).length;
  }

  /** The next frame, or null while there is nothing to play. */
  pull(): Frame | null {
    if (this.filling && this.frames.length < this.target) return null;
    this.filling = false;
    const frame = this.frames.shift() ?? null;
    if (frame === null) this.runDry();
    else this.trim();
    return frame;
  }

  private runDry(): void {
    this.underruns += 1;
    this.filling = true;
    this.restartWindow();
  }

  private trim(): void {
    this.shallowest = Math.min(this.shallowest, this.frames.length);
    this.pullsInWindow += 1;
    if (this.pullsInWindow < this.windowFrames) return;
    if (this.shallowest >= this.target) {
      this.frames.shift();
      this.dropped += 1;
    }
    this.restartWindow();
  }

  private restartWindow(): void {
    this.shallowest = Infinity;
    this.pullsInWindow = 0;
  }
}

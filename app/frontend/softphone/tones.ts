/** The sounds a telephone makes by itself: keys, ringback, engaged. Frequencies in hertz (ITU-T Q.23 keys; North American progress tones). */

const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477];
const LAYOUT = ["123", "456", "789", "*0#"];

export function keyFrequencies(key: string): [number, number] | null {
  const row = LAYOUT.findIndex((keys) => keys.includes(key));
  if (row < 0 || key.length !== 1) return null;
  return [ROWS[row] ?? 0, COLUMNS[LAYOUT[row]?.indexOf(key) ?? 0] ?? 0];
}

type Progress = { hertz: [number, number]; onS: number; offS: number };
const RINGBACK: Progress = { hertz: [440, 480], onS: 2, offS: 4 };
const ENGAGED: Progress = { hertz: [480, 620], onS: 0.5, offS: 0.5 };

const KEY_GAIN = 0.09;
const PROGRESS_GAIN = 0.045;
const SHORTEST_KEY_S = 0.12;
const EDGE_S = 0.008;

class Tone {
  private readonly gain: GainNode;
  private readonly oscillators: OscillatorNode[];
  private readonly startedAt: number;
  private readonly context: AudioContext;

  constructor(context: AudioContext, hertz: [number, number], level: number) {
    this.context = context;
    this.gain = context.createGain();
    this.gain.gain.setValueAtTime(0, context.currentTime);
    this.gain.gain.linearRampToValueAtTime(level, context.currentTime + EDGE_S);
    this.gain.connect(context.destination);
    this.oscillators = hertz.map((frequency) => {
      const oscillator = context.createOscillator();
      oscillator.frequency.value = frequency;
      oscillator.connect(this.gain);
      oscillator.start();
      return oscillator;
    });
    this.startedAt = context.currentTime;
  }

  /** Never shorter than a key a person means to press. */
  stop(shortestS = 0): void {
    const end = Math.max(this.context.currentTime, this.startedAt + shortestS);
    this.gain.gain.setTargetAtTime(0, end, EDGE_S / 2);
    for (const oscillator of this.oscillators) oscillator.stop(end + EDGE_S * 4);
  }
}

export class Tones {
  private context: AudioContext | null = null;
  private key: Tone | null = null;
  private progress: Tone | null = null;
  private cadence: ReturnType<typeof setTimeout> | undefined;

  /** Sounds while the key is held. */
  press(key: string): void {
    const hertz = keyFrequencies(key);
    if (!hertz) return;
    this.release();
    this.key = new Tone(this.ready(), hertz, KEY_GAIN);
  }

  release(): void {
    this.key?.stop(SHORTEST_KEY_S);
    this.key = null;
  }

  ringback(): void {
    this.repeat(RINGBACK, Infinity);
  }

  engaged(): void {
    this.repeat(ENGAGED, 4);
  }

  quiet(): void {
    clearTimeout(this.cadence);
    this.progress?.stop();
    this.progress = null;
  }

  private repeat({ hertz, onS, offS }: Progress, times: number): void {
    this.quiet();
    const beat = (left: number): void => {
      this.progress = new Tone(this.ready(), hertz, PROGRESS_GAIN);
      this.cadence = setTimeout(() => {
        this.progress?.stop();
        this.progress = null;
        if (left > 1) this.cadence = setTimeout(() => beat(left - 1), offS * 1000);
      }, onS * 1000);
    };
    beat(times);
  }

  private ready(): AudioContext {
    this.context ??= new AudioContext();
    void this.context.resume();
    return this.context;
  }
}

/** Microphone and loudspeaker of one call: mu-law frames of 160 bytes (20 ms, 8 kHz) out through `onFrame`, in through `play`. */

export type MicProblem = "blocked" | "missing" | "busy" | "insecure";

export interface PlayoutReport {
  /** Loudest sample since the last report, 0 to 1. */
  level: number;
  /** Frames waiting, times the queue ran dry, frames dropped to keep the delay short. */
  depth: number;
  underruns: number;
  dropped: number;
}

export class MicrophoneError extends Error {
  readonly problem: MicProblem;
  constructor(problem: MicProblem) {
    super(`The microphone can't be used: ${problem}.`);
    this.problem = problem;
  }
}

const RATE_HZ = 48000; // exactly six times the telephone's, whatever the sound card prefers
const RESUME_WITHIN_MS = 500;
const VOICE: MediaTrackConstraints = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
  channelCount: 1,
};
const PROBLEMS: Record<string, MicProblem> = {
  NotAllowedError: "blocked",
  SecurityError: "blocked",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "busy",
  AbortError: "busy",
};

/** The microphone's stream. Raises MicrophoneError with a cause a person can mend. */
export async function openMicrophone(deviceId?: string): Promise<MediaStream> {
  if (!navigator.mediaDevices) throw new MicrophoneError("insecure");
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: deviceId ? { ...VOICE, deviceId: { ideal: deviceId } } : VOICE,
    });
  } catch (error) {
    throw new MicrophoneError(PROBLEMS[(error as DOMException).name] ?? "busy");
  }
}

/** What stands between us and a working microphone, or null; asks the person for leave when the browser wants to. */
export async function microphoneProblem(): Promise<MicProblem | null> {
  try {
    const stream = await openMicrophone();
    stream.getTracks().forEach((track) => track.stop());
    return null;
  } catch (error) {
    return error instanceof MicrophoneError ? error.problem : "busy";
  }
}

/** Two worklet files, served from our own origin because the page's policy allows no others. */
export interface WorkletUrls {
  capture: string;
  playout: string;
}

let shared: Promise<AudioContext> | null = null;

/** One audio context a page: browsers allow few, and loading the worklets once keeps answering quick. */
function audioContext(urls: WorkletUrls): Promise<AudioContext> {
  shared ??= (async () => {
    const context = new AudioContext({ sampleRate: RATE_HZ, latencyHint: "interactive" });
    await Promise.all([context.audioWorklet.addModule(urls.capture), context.audioWorklet.addModule(urls.playout)]);
    return context;
  })();
  shared.catch(() => (shared = null));
  return shared;
}

/** Call from a click, so that the browser lets the first call be heard. */
export async function unlockAudio(urls: WorkletUrls): Promise<void> {
  await (await audioContext(urls)).resume();
}

export class CallAudio {
  private readonly stream: MediaStream;
  private readonly source: MediaStreamAudioSourceNode;
  private readonly capture: AudioWorkletNode;
  private readonly playout: AudioWorkletNode;

  private constructor(
    context: AudioContext,
    stream: MediaStream,
    onFrame: (frame: Uint8Array<ArrayBuffer>) => void,
    onReport: (report: PlayoutReport) => void,
  ) {
    this.stream = stream;
    this.source = context.createMediaStreamSource(stream);
    this.capture = new AudioWorkletNode(context, "throughline-capture", { numberOfOutputs: 0 });
    this.playout = new AudioWorkletNode(context, "throughline-playout", { numberOfInputs: 0, outputChannelCount: [2] });
    this.source.connect(this.capture);
    this.playout.connect(context.destination);
    this.capture.port.onmessage = ({ data }: MessageEvent<Uint8Array<ArrayBuffer>>) => onFrame(data);
    this.playout.port.onmessage = ({ data }: MessageEvent<PlayoutReport>) => onReport(data);
  }

  /** Raises MicrophoneError; nothing is left open then. */
  static async open(
    urls: WorkletUrls,
    onFrame: (frame: Uint8Array<ArrayBuffer>) => void,
    onReport: (report: PlayoutReport) => void,
  ): Promise<CallAudio> {
    const [context, stream] = await Promise.all([audioContext(urls), openMicrophone()]);
    // A page that hears the microphone may make sounds; where a browser sees it otherwise, the call still goes on.
    await Promise.race([context.resume(), new Promise((resolve) => setTimeout(resolve, RESUME_WITHIN_MS))]);
    return new CallAudio(context, stream, onFrame, onReport);
  }

  play(frame: ArrayBuffer): void {
    this.playout.port.postMessage(new Uint8Array(frame), [frame]);
  }

  /** The far end hears silence; the frames go on, so that both sides of a recording stay in step. */
  mute(muted: boolean): void {
    this.capture.port.postMessage({ muted });
  }

  close(): void {
    this.capture.port.postMessage({ stop: true });
    this.playout.port.postMessage({ stop: true });
    this.source.disconnect();
    this.playout.disconnect();
    this.stream.getTracks().forEach((track) => track.stop());
  }
}

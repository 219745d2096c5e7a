/** What an AudioWorklet finds around it; the DOM library leaves these out. */
declare global {
  class AudioWorkletProcessor {
    readonly port: MessagePort;
    process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean;
  }
  function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;
}
export const FRAME_SAMPLES = 160;

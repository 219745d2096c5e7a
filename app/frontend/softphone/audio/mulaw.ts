/** G.711 mu-law and its two tables. Samples are signed 16-bit values as numbers; bytes are the wire's. Source: ITU-T G.711. */

const BIAS = 0x84;
const CLIP = 32635;

/** What a muted microphone sends: mu-law for zero. */
export const SILENCE = 0xff;

function decodeByte(byte: number): number {
  const inverted = ~byte & 0xff;
  const exponent = (inverted >> 4) & 0x07;
  const magnitude = (((inverted & 0x0f) << 3) + BIAS) << exponent;
  return inverted & 0x80 ? BIAS - magnitude : magnitude - BIAS;
}

function encodeSample(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), CLIP) + BIAS;
  const exponent = Math.max(0, 31 - Math.clz32(magnitude) - 7);
  const mantissa = (magnitude >> (exponent + 3)) & 0x0f;
  return ~(sign | (exponent << 4) | mantissa) & 0xff;
}

const DECODED = Float32Array.from({ length: 256 }, (_, byte) => decodeByte(byte) / 32768);

/** One sample from -1 to 1 becomes one byte; louder is clipped, NaN becomes silence. */
export function encodeMulaw(sample: number): number {
  const scaled = Math.round(sample * 32768);
  return Number.isNaN(scaled) ? SILENCE : encodeSample(Math.max(-32768, Math.min(32767, scaled)));
}

/** One byte becomes one sample from -1 to 1. */
export function decodeMulaw(byte: number): number {
  return DECODED[byte & 0xff] ?? 0;
}

const QUIET = 0.02; // a room, a breath: some 34 dB under the loudest there is

/** Whether nobody talks in these bytes. */
export function isQuiet(bytes: Uint8Array): boolean {
  return bytes.every((byte) => Math.abs(decodeMulaw(byte)) < QUIET);
}

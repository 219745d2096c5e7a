import assert from "node:assert/strict";
import { test } from "node:test";
import { JitterBuffer } from "../../app/frontend/softphone/audio/jitter.ts";
import { decodeMulaw, encodeMulaw, isQuiet, SILENCE } from "../../app/frontend/softphone/audio/mulaw.ts";
import { Decimator, FACTOR, Interpolator } from "../../app/frontend/softphone/audio/resample.ts";
import { keyFrequencies } from "../../app/frontend/softphone/tones.ts";

function sine(hertz: number, rate: number, seconds: number, amplitude = 0.5): Float32Array {
  return Float32Array.from(
    { length: rate * seconds },
    (_, i) => amplitude * Math.sin((2 * Math.PI * hertz * i) / rate),
  );
}

function loudness(samples: ArrayLike<number>): number {
  const settled = Array.from(samples).slice(samples.length / 4);
  return Math.sqrt(settled.reduce((sum, sample) => sum + sample * sample, 0) / settled.length);
}

function decibels(ratio: number): number {
  return 20 * Math.log10(Math.max(ratio, 1e-12));
}

function decimated(input: Float32Array): number[] {
  const out: number[] = [];
  const decimator = new Decimator();
  for (let i = 0; i < input.length; i += 128) decimator.push(input.subarray(i, i + 128), (sample) => out.push(sample));
  return out;
}

function interpolated(input: Float32Array): Float32Array {
  const out = new Float32Array(input.length * FACTOR);
  const interpolator = new Interpolator();
  input.forEach((sample, i) => interpolator.push(sample, out, i * FACTOR));
  return out;
}

test("mu-law gives the bytes of G.711's own table", () => {
  const known = {
    0: 0xff,
    1000: 0xce,
    "-1000": 0x4e,
    8000: 0xa0,
    "-8000": 0x20,
    32635: 0x80,
    "-32635": 0x00,
    32767: 0x80,
    "-32768": 0x00,
  };
  for (const [sample, byte] of Object.entries(known)) assert.equal(encodeMulaw(Number(sample) / 32768), byte, sample);
});

test("every mu-law byte survives decoding and encoding, but for the second zero", () => {
  for (let byte = 0; byte < 256; byte++) {
    if (byte === 0x7f) continue; // negative zero: no number to carry its sign
    assert.equal(encodeMulaw(decodeMulaw(byte)), byte);
  }
});

test("sound that is no number or far too loud is silenced or clipped, never wrapped round", () => {
  assert.equal(encodeMulaw(NaN), SILENCE);
  assert.equal(encodeMulaw(50), encodeMulaw(1));
  assert.equal(encodeMulaw(-50), encodeMulaw(-1));
});

test("a voice's tones pass the 48 to 8 kHz filter as loud as they came", () => {
  for (const hertz of [100, 1000, 3000]) {
    const change = decibels(loudness(decimated(sine(hertz, 48000, 0.5))) / loudness(sine(hertz, 48000, 0.5)));
    assert.ok(Math.abs(change) < 0.5, `${hertz} Hz changed by ${change} dB`);
  }
});

test("tones above the telephone's band do not fold back into it", () => {
  for (const hertz of [4200, 5000, 7000, 12000, 20000]) {
    const left = decibels(loudness(decimated(sine(hertz, 48000, 0.5))) / loudness(sine(hertz, 48000, 0.5)));
    assert.ok(left < -58, `${hertz} Hz left at ${left} dB`);
  }
});

test("six samples come out for one, with the tone kept and no images of it", () => {
  const out = interpolated(sine(1000, 8000, 0.5));
  assert.equal(out.length, 24000);
  assert.ok(Math.abs(decibels(loudness(out) / loudness(sine(1000, 48000, 0.5)))) < 0.1);
  const reference = sine(1000, 48000, 0.5);
  const sum = (wave: "sin" | "cos", hertz: number): number =>
    out.reduce((total, sample, i) => total + sample * Math[wave]((2 * Math.PI * hertz * i) / 48000), 0);
  const image = Math.hypot(sum("sin", 7000), sum("cos", 7000)) / Math.hypot(sum("sin", 1000), sum("cos", 1000));
  assert.ok(decibels(image) < -55, `image at ${decibels(image)} dB of ${reference.length}`);
});

test("nothing is played until the target waits, then frames come in order", () => {
  const buffer = new JitterBuffer<number>({ least: 2 });
  buffer.push(1);
  assert.equal(buffer.pull(), null);
  buffer.push(2);
  assert.deepEqual([buffer.pull(), buffer.pull()], [1, 2]);
});

test("a queue that ran dry fills up again before it plays on", () => {
  const buffer = new JitterBuffer<number>({ least: 2, most: 2 });
  buffer.push(1);
  buffer.push(2);
  assert.deepEqual([buffer.pull(), buffer.pull(), buffer.pull()], [1, 2, null]);
  assert.equal(buffer.underruns, 1);
  buffer.push(3);
  assert.equal(buffer.pull(), null);
  buffer.push(4);
  assert.equal(buffer.pull(), 3);
});

test("a sender whose clock runs ahead does not make the call late", () => {
  const buffer = new JitterBuffer<number>({ least: 3, windowFrames: 40 });
  for (let i = 0; i < 3; i++) buffer.push(i);
  for (let i = 0; i < 4000; i++) {
    buffer.push(i);
    if (i % 100 === 0) buffer.push(i);
    buffer.pull();
  }
  assert.ok(buffer.depth <= 5, `depth ${buffer.depth}`);
  assert.equal(buffer.underruns, 0);
});

test("a queue with honest jitter is left alone", () => {
  const buffer = new JitterBuffer<number>({ least: 3, windowFrames: 40 });
  for (let i = 0; i < 3; i++) buffer.push(i);
  for (let i = 0; i < 400; i += 2) {
    buffer.push(i);
    buffer.push(i + 1);
    buffer.pull();
    buffer.pull();
  }
  assert.equal(buffer.underruns, 0);
  assert.ok(buffer.dropped <= 1);
});

test("an unsteady line is given more time, and a line that has become steady less again", () => {
  const buffer = new JitterBuffer<number>({ least: 2, most: 4, isQuiet: () => true });
  const waitsFor = (): number => {
    while (buffer.pull() !== null);
    for (let waiting = 1; ; waiting++) {
      buffer.push(waiting);
      if (buffer.pull() !== null) return waiting;
    }
  };
  assert.deepEqual([waitsFor(), waitsFor(), waitsFor(), waitsFor()], [2, 3, 4, 4]);
  for (let i = 0; i < 1000; i++) {
    buffer.push(i);
    buffer.pull();
  }
  assert.equal(buffer.depth, 1);
});

/** A call whose network stood still for a while: every frame's delay in frames, from when the network moves again. */
function delaysAfterAPause(isQuiet: (frame: number) => boolean): number[] {
  const buffer = new JitterBuffer<number>({ least: 3, most: 3, isQuiet });
  const delays: number[] = [];
  for (let now = 0; now < 400; now++) {
    if (now < 100 || now > 115) buffer.push(now);
    if (now === 115) for (let late = 100; late <= 115; late++) buffer.push(late);
    const frame = buffer.pull();
    if (frame !== null && now > 115) delays.push(now - frame);
  }
  return delays;
}

test("a burst after a pause in the network is caught up in the next quiet moment", () => {
  const delays = delaysAfterAPause((frame) => frame >= 150 && frame < 175);
  assert.ok(delays[0]! > 10, "the burst comes late");
  assert.ok(Math.max(...delays.slice(80)) <= 3, `still ${Math.max(...delays.slice(80))} frames late`);
});

test("while somebody talks on, a burst is caught up frame by frame", () => {
  const delays = delaysAfterAPause(() => false);
  const jumps = delays.slice(1).map((delay, i) => delays[i]! - delay);
  assert.ok(jumps.every((jump) => jump <= 1), "never more than one frame at once");
  assert.ok(delays.at(-1)! < delays[0]!, "and less late at the end than at the beginning");
});

test("a room's noise is quiet, a voice is not", () => {
  const bytes = (amplitude: number): Uint8Array => Uint8Array.from(sine(300, 8000, 0.02, amplitude), encodeMulaw);
  assert.ok(isQuiet(bytes(0.01)));
  assert.ok(!isQuiet(bytes(0.1)));
});

test("after a long sleep only the newest frames are heard", () => {
  const buffer = new JitterBuffer<number>({ least: 3, limit: 50 });
  for (let i = 0; i <= 50; i++) buffer.push(i);
  assert.equal(buffer.depth, 3);
  assert.equal(buffer.pull(), 48);
});

test("keys sound as the telephone's standard says", () => {
  assert.deepEqual(keyFrequencies("1"), [697, 1209]);
  assert.deepEqual(keyFrequencies("0"), [941, 1336]);
  assert.deepEqual(keyFrequencies("#"), [941, 1477]);
  assert.equal(keyFrequencies("A"), null);
  assert.equal(keyFrequencies("12"), null);
  assert.equal(keyFrequencies(""), null);
});

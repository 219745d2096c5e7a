/** Our own sounds, computed at build time: no recordings of anyone's, no requests to anyone. Each returns a WAV file (16-bit, mono, 24 kHz). */
const RATE = 24000;
const TAU = 2 * Math.PI;

function render(seconds, sampleAt) {
  const count = Math.round(seconds * RATE);
  const wav = Buffer.alloc(44 + count * 2);
  wav.write("RIFF", 0);
  wav.writeUInt32LE(36 + count * 2, 4);
  wav.write("WAVEfmt ", 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(RATE, 24);
  wav.writeUInt32LE(RATE * 2, 28);
  wav.writeUInt16LE(2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write("data", 36);
  wav.writeUInt32LE(count * 2, 40);
  for (let i = 0; i < count; i++)
    wav.writeInt16LE(Math.round(Math.max(-1, Math.min(1, sampleAt(i / RATE))) * 32767), 44 + i * 2);
  return wav;
}

/** A struck wooden bar: a few partials that die away, the high ones first. */
function bar(t, hertz) {
  if (t < 0) return 0;
  const attack = Math.min(1, t / 0.004);
  const body = Math.sin(TAU * hertz * t) * Math.exp(-t * 5);
  const overtone = 0.35 * Math.sin(TAU * hertz * 3.93 * t) * Math.exp(-t * 14);
  const click = 0.12 * Math.sin(TAU * hertz * 9.2 * t) * Math.exp(-t * 40);
  return attack * (body + overtone + click);
}

const G5 = 783.99;
const C6 = 1046.5;
const E6 = 1318.51;
const RING = [
  [0.0, G5],
  [0.16, C6],
  [0.32, E6],
  [0.62, C6],
  [0.78, E6],
];

function both([low, high]) {
  return render(
    0.16,
    (t) => 0.22 * Math.min(1, t / 0.006, (0.16 - t) / 0.006) * (Math.sin(TAU * low * t) + Math.sin(TAU * high * t)),
  );
}

const KEYS = {
  1: [697, 1209],
  2: [697, 1336],
  3: [697, 1477],
  4: [770, 1209],
  5: [770, 1336],
  6: [770, 1477],
  7: [852, 1209],
  8: [852, 1336],
  9: [852, 1477],
  s: [941, 1209],
  0: [941, 1336],
  h: [941, 1477],
};

export function sounds() {
  return {
    "ring.wav": render(2.8, (t) => 0.34 * RING.reduce((sum, [at, hertz]) => sum + bar(t - at, hertz), 0)),
    "message.wav": render(0.5, (t) => 0.25 * (bar(t, C6) + bar(t - 0.09, E6))),
    "hangup.wav": render(0.4, (t) => 0.25 * (bar(t, E6 / 2) + bar(t - 0.1, G5 / 2))),
    "silence.wav": render(0.1, () => 0),
    ...Object.fromEntries(Object.entries(KEYS).map(([key, pair]) => [`dtmf-${key}.wav`, both(pair)])),
  };
}

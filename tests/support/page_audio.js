// Runs in a page before its own scripts: gives it a microphone that tests can speak into (rendered speech), and keeps
// what the page plays to its person, so that tests can transcribe what arrived.
(() => {
  const RATE = 48000;
  let mouth = null;

  function openMouth() {
    if (!mouth) {
      const context = new AudioContext({ sampleRate: RATE });
      mouth = { context, microphone: context.createMediaStreamDestination() };
    }
    return mouth;
  }

  navigator.mediaDevices.getUserMedia = async () => {
    const { context, microphone } = openMouth();
    await context.resume();
    return microphone.stream.clone();
  };

  window.__say = async (base64) => {
    const { context, microphone } = openMouth();
    await context.resume();
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const source = context.createBufferSource();
    source.buffer = await context.decodeAudioData(bytes.buffer);
    source.connect(microphone);
    await new Promise((done) => {
      source.onended = done;
      source.start();
    });
  };

  // A short tone into the microphone; when it began, in ms of the machine's clock.
  window.__beep = async (hertz, seconds) => {
    const { context, microphone } = openMouth();
    await context.resume();
    const tone = new OscillatorNode(context, { frequency: hertz });
    tone.connect(microphone);
    const began = context.currentTime + 0.05;
    const at = performance.timeOrigin + performance.now() + 50;
    tone.start(began);
    tone.stop(began + seconds);
    return at;
  };

  // The next moment at which something loud is played, in ms of the machine's clock; null when nothing is.
  window.__nextSound = (withinMs) =>
    new Promise((done) => {
      const until = performance.now() + withinMs;
      const looking = setInterval(() => {
        const onset = Math.min(...ears.map(onsetIn));
        if (onset === Infinity && performance.now() < until) return;
        clearInterval(looking);
        done(onset === Infinity ? null : performance.timeOrigin + onset);
      }, 5);
    });

  const LOUD = 0.02;
  const ears = [];

  function onsetIn(ear) {
    const samples = new Float32Array(ear.fftSize);
    ear.getFloatTimeDomainData(samples);
    const at = samples.findIndex((sample) => Math.abs(sample) > LOUD);
    return at < 0 ? Infinity : performance.now() - ((samples.length - at) / ear.context.sampleRate) * 1000;
  }

  const heard = [];
  const tapped = new WeakMap();
  const connect = AudioNode.prototype.connect;
  const LONGEST_BUSY_S = 30;
  const PIECE_S = 0.01;

  // Frames wait for a page that is busy with drawing: of what its person heard, nothing is lost to the test or twice
  // in it. (A ScriptProcessor hands a late page its newest buffers again and again.)
  function tapOf(context) {
    if (!tapped.has(context)) {
      const tap = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
      const [track] = tap.stream.getAudioTracks();
      tapped.set(context, tap);
      ears.push(new AnalyserNode(context, { fftSize: 2048 }));
      void listen(new MediaStreamTrackProcessor({ track, maxBufferSize: LONGEST_BUSY_S / PIECE_S }).readable);
    }
    return tapped.get(context);
  }

  const LEAP_MS = 300;
  let behindMs = Infinity; // the sound's clock has an origin of its own

  async function listen(sound) {
    let next = -Infinity;
    for await (const piece of sound) {
      const samples = new Float32Array(piece.numberOfFrames);
      piece.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
      const [began, took] = [piece.timestamp / 1000, (1000 * piece.numberOfFrames) / piece.sampleRate];
      if (Math.abs(began - next) > LEAP_MS) next = began; // its context began, or rested
      heard.push({ began: next, rate: piece.sampleRate, samples });
      behindMs = Math.min(behindMs, performance.now() - began - took);
      next += took;
      piece.close();
    }
  }

  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode) {
      connect.call(this, tapOf(this.context));
      connect.call(this, ears.find((ear) => ear.context === this.context));
    }
    return connect.call(this, target, ...rest);
  };

  window.__now = () => performance.now();
  // What was played since `since` (ms of __now) by all contexts together, as base64 of 16-bit samples at 48 kHz.
  window.__heard = (since) => {
    const parts = heard.filter(({ began }) => began + behindMs >= since);
    const first = parts.reduce((least, { began }) => Math.min(least, began), Infinity);
    const at = ({ began }) => Math.round(((began - first) * RATE) / 1000);
    const length = ({ samples, rate }) => Math.floor((samples.length * RATE) / rate);
    const all = new Int16Array(parts.reduce((most, part) => Math.max(most, at(part) + length(part)), 0));
    for (const part of parts) {
      for (let i = 0, to = at(part); i < length(part); i++, to++) {
        const sum = all[to] + 32767 * part.samples[Math.floor((i * part.rate) / RATE)];
        all[to] = Math.max(-32768, Math.min(32767, sum));
      }
    }
    const bytes = new Uint8Array(all.buffer);
    let text = "";
    for (let start = 0; start < bytes.length; start += 32768) {
      text += String.fromCharCode(...bytes.subarray(start, start + 32768));
    }
    return btoa(text);
  };
})();

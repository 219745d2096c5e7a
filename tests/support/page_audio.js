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

  const heard = [];
  const tapped = new WeakMap();
  const connect = AudioNode.prototype.connect;

  function tapOf(context) {
    if (!tapped.has(context)) {
      const tap = context.createScriptProcessor(4096, 1, 1);
      tap.onaudioprocess = (event) => {
        const samples = event.inputBuffer.getChannelData(0);
        heard.push({ at: performance.now(), rate: context.sampleRate, samples: Float32Array.from(samples) });
      };
      connect.call(tap, context.destination); // it writes nothing, so it adds silence
      tapped.set(context, tap);
    }
    return tapped.get(context);
  }

  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode && !(this instanceof ScriptProcessorNode)) {
      connect.call(this, tapOf(this.context));
    }
    return connect.call(this, target, ...rest);
  };

  window.__now = () => performance.now();
  // What was played since `since` (ms of __now), as base64 of 16-bit samples at 48 kHz.
  window.__heard = (since) => {
    const parts = heard.filter((part) => part.at >= since);
    const all = new Int16Array(parts.reduce((sum, part) => sum + part.samples.length, 0));
    let at = 0;
    for (const part of parts) {
      for (const sample of part.samples) all[at++] = Math.max(-1, Math.min(1, sample)) * 32767;
    }
    const bytes = new Uint8Array(all.buffer);
    let text = "";
    for (let start = 0; start < bytes.length; start += 32768) {
      text += String.fromCharCode(...bytes.subarray(start, start + 32768));
    }
    return btoa(text);
  };
})();

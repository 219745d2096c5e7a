/** Keys that work anywhere on the desktop. All are chords, so that no letter typed into a text does anything else. */

export interface Chords {
  answer: () => void;
  decline: () => void;
  mute: () => void;
  hold: () => void;
  hangup: () => void;
  transfer: () => void;
  handOver: () => void;
  together: () => void;
  backOut: () => void;
  park: () => void;
  help: () => void;
  back: () => void;
  presence: () => void;
  search: () => void;
}

const TWICE_WITHIN_MS = 1_000;

export function listenForChords(chords: Chords): void {
  const actions: Record<string, () => void> = {
    KeyA: chords.answer,
    KeyR: chords.decline,
    KeyM: chords.mute,
    KeyH: chords.hold,
    KeyC: chords.back,
    KeyS: chords.presence,
    KeyX: chords.transfer,
    Digit1: chords.hangup,
    Digit2: chords.handOver,
    Digit3: chords.together,
    Digit4: chords.backOut,
    Digit5: chords.park,
    Digit6: chords.help,
  };
  let last = { code: "", at: -Infinity };
  document.addEventListener("keydown", (event) => {
    const control = event.ctrlKey || event.metaKey;
    if (control && !event.shiftKey && event.code === "KeyK") {
      event.preventDefault();
      return chords.search();
    }
    const action = control && event.shiftKey ? actions[event.code] : undefined;
    if (!action) return;
    event.preventDefault();
    // A nervous second press must not answer the next call or hang it up.
    if (event.repeat || (event.code === last.code && event.timeStamp - last.at < TWICE_WITHIN_MS)) return;
    last = { code: event.code, at: event.timeStamp };
    action();
  });
}

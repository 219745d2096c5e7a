/** A recording with its transcript: who speaks when on the bar, words that light up as they are heard, a click on a word goes there. */
import { h, icon, setText, show } from "../lib/dom.ts";
import { duration } from "../lib/format.ts";
import { call as request } from "../lib/http.ts";
import { t } from "../lib/texts.ts";
import type { Transcript, Turn } from "./types.ts";

const SPEEDS = [1, 1.25, 1.5, 2];
const STEP_S = 5;
const LOW_CONFIDENCE = 0.55;

let playing: HTMLAudioElement | null = null;

/** Fills an element that names its recording, interaction, length and transcript state in `data-…`. */
export function makePlayer(place: HTMLElement): void {
  const { recording, interaction, duration: length, transcript } = place.dataset;
  new Player(
    place,
    `/recordings/${recording}.wav`,
    interaction ?? "",
    Number(length) || 0,
    transcript ?? "none",
  ).draw();
}

class Player {
  private readonly audio = new Audio();
  private readonly place: HTMLElement;
  private readonly source: string;
  private readonly interaction: string;
  private readonly length: number;
  private readonly transcriptState: string;
  private readonly names: Speakers;
  private readonly play = h(
    "button",
    { type: "button", class: "btn btn-icon play", "aria-label": t("Play the recording") },
    icon("player-play-filled"),
  );
  private readonly time = h("span", { class: "num tiny muted" });
  private readonly speed = h(
    "button",
    { type: "button", class: "btn btn-quiet btn-small num", "aria-label": t("Speed") },
    "1×",
  );
  private readonly bar = h("div", {
    class: "scrub",
    role: "slider",
    tabindex: 0,
    "aria-label": t("Place in the recording"),
    "aria-valuemin": 0,
  });
  private readonly played = h("div", { class: "scrub-played" });
  private readonly words = h("div", { class: "turns", hidden: true });
  private readonly more = h(
    "button",
    { type: "button", class: "btn btn-quiet btn-small", "aria-expanded": "false" },
    icon("align-left"),
    t("Transcript"),
  );
  private spans: { start: number; end: number; span: HTMLElement }[] = [];
  private lit: HTMLElement | null = null;
  private loaded: Promise<void> | null = null;

  constructor(place: HTMLElement, source: string, interaction: string, length: number, transcriptState: string) {
    this.place = place;
    this.source = source;
    this.interaction = interaction;
    this.length = length;
    this.names = {
      customer: firstName(place.dataset["customer"]) ?? t("Customer"),
      agent: firstName(place.dataset["agent"]) ?? t("Agent"),
    };
    this.transcriptState = transcriptState;
  }

  draw(): void {
    this.bar.append(this.played);
    const row = h(
      "div",
      { class: "player-row" },
      this.play,
      this.bar,
      this.time,
      this.speed,
      this.transcriptState === "done" ? this.more : null,
    );
    this.place.replaceChildren(row, ...this.aside(), this.words);
    this.audio.preload = "none";
    this.audio.src = this.source;
    this.play.addEventListener("click", () => this.toggle());
    this.speed.addEventListener("click", () => this.faster());
    this.more.addEventListener("click", () => void this.unfold(this.words.hidden !== false));
    this.bar.addEventListener("pointerdown", (event) => this.seekAt(event));
    this.bar.addEventListener("keydown", (event) => this.keys(event));
    this.words.addEventListener("click", (event) => this.wordClicked(event));
    this.audio.addEventListener("play", () => this.started());
    for (const stop of ["pause", "ended"]) this.audio.addEventListener(stop, () => this.drawButton());
    for (const change of ["timeupdate", "seeked", "loadedmetadata"])
      this.audio.addEventListener(change, () => this.drawPlace());
    this.audio.addEventListener("error", () => setText(this.time, t("The recording can't be played")));
    this.drawPlace();
    if (this.transcriptState === "done") this.loadWhenSeen();
  }

  private aside(): HTMLElement[] {
    if (this.transcriptState === "waiting" || this.transcriptState === "running")
      return [h("p", { class: "player-note faint tiny" }, t("The transcript is being written."))];
    if (this.transcriptState === "failed")
      return [
        h("p", { class: "player-note is-unreachable tiny" }, t("The transcript could not be made; the sound is kept.")),
      ];
    return [];
  }

  private get whole(): number {
    return Number.isFinite(this.audio.duration) && this.audio.duration > 0 ? this.audio.duration : this.length;
  }

  private toggle(): void {
    if (this.audio.paused) void this.audio.play().catch(() => {});
    else this.audio.pause();
  }

  private started(): void {
    if (playing !== this.audio) playing?.pause(); // two calls at once are none
    playing = this.audio;
    this.drawButton();
    this.follow();
  }

  private faster(): void {
    const next = SPEEDS[(SPEEDS.indexOf(this.audio.playbackRate) + 1) % SPEEDS.length] ?? 1;
    this.audio.playbackRate = next;
    setText(this.speed, `${next}×`);
  }

  private seekTo(seconds: number): void {
    this.audio.currentTime = Math.max(0, Math.min(seconds, this.whole));
    this.drawPlace();
  }

  private seekAt(event: PointerEvent): void {
    const move = (at: PointerEvent): void => {
      const box = this.bar.getBoundingClientRect();
      this.seekTo(((at.clientX - box.left) / box.width) * this.whole);
    };
    move(event);
    this.bar.setPointerCapture(event.pointerId);
    this.bar.addEventListener("pointermove", move);
    this.bar.addEventListener("pointerup", () => this.bar.removeEventListener("pointermove", move), { once: true });
  }

  private keys(event: KeyboardEvent): void {
    const step = { ArrowLeft: -STEP_S, ArrowRight: STEP_S, Home: -Infinity, End: Infinity }[event.key];
    if (step !== undefined) this.seekTo(Math.max(0, Math.min(this.whole, this.audio.currentTime + step)));
    else if (event.key === " " || event.key === "Enter") this.toggle();
    else return;
    event.preventDefault();
  }

  private drawButton(): void {
    const on = !this.audio.paused;
    this.play.replaceChildren(icon(on ? "player-pause-filled" : "player-play-filled"));
    this.play.setAttribute("aria-label", on ? t("Pause") : t("Play the recording"));
  }

  private drawPlace(): void {
    const now = this.audio.currentTime;
    setText(this.time, `${duration(now)} / ${duration(Math.round(this.whole))}`);
    this.played.style.width = `${this.whole ? (now / this.whole) * 100 : 0}%`;
    this.bar.setAttribute("aria-valuemax", String(Math.round(this.whole)));
    this.bar.setAttribute("aria-valuenow", String(Math.round(now)));
    this.bar.setAttribute("aria-valuetext", duration(now));
    this.light(now);
  }

  /** While it plays the words follow every frame; `timeupdate` alone comes four times a second. */
  private follow(): void {
    if (this.audio.paused) return;
    this.drawPlace();
    requestAnimationFrame(() => this.follow());
  }

  private async unfold(open: boolean): Promise<void> {
    show(this.words, open);
    this.more.setAttribute("aria-expanded", String(open));
    if (!open) return;
    await this.load().catch((error: Error) =>
      this.words.replaceChildren(h("p", { class: "faint small" }, error.message)),
    );
    this.place.scrollIntoView({ block: "nearest" });
  }

  /** A long record has many recordings; only those on the screen ask for their words. */
  private loadWhenSeen(): void {
    const watcher = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      void this.load().catch(() => {});
    });
    watcher.observe(this.place);
  }

  private load(): Promise<void> {
    this.loaded ??= request<Transcript>("GET", `/desktop/interactions/${this.interaction}/transcript`).then(
      ({ turns }) => {
        this.drawLanes(turns);
        this.drawWords(turns);
      },
    );
    this.loaded.catch(() => (this.loaded = null));
    return this.loaded;
  }

  /** Upper half of the bar: the customer; lower half: us. */
  private drawLanes(turns: Turn[]): void {
    if (!this.whole) return;
    const lanes = turns.map((turn) => {
      const lane = h("span", { class: `lane is-${turn.speaker === "customer" ? "customer" : "us"}` });
      lane.style.left = `${(turn.start_s / this.whole) * 100}%`;
      lane.style.width = `max(2px, ${((turn.end_s - turn.start_s) / this.whole) * 100}%)`;
      return lane;
    });
    this.bar.prepend(...lanes);
  }

  private drawWords(turns: Turn[]): void {
    this.spans = [];
    this.words.replaceChildren(
      ...turns.map((turn) => drawTurn(turn.speaker, this.spoken(turn), this.names, turn.start_s)),
    );
  }

  private spoken(turn: Turn): Node[] {
    const words = turn.words?.length ? turn.words : [{ text: turn.text, start: turn.start_s, end: turn.end_s }];
    return words.flatMap((word) => {
      const unsure = "conf" in word && word.conf !== undefined && word.conf < LOW_CONFIDENCE;
      const span = h("span", { class: unsure ? "word is-unsure" : "word", "data-at": word.start }, word.text);
      this.spans.push({ start: word.start, end: word.end, span });
      return [span, document.createTextNode(" ")];
    });
  }

  private wordClicked(event: Event): void {
    const at = (event.target as Element).closest<HTMLElement>("[data-at]")?.dataset["at"];
    if (at === undefined) return;
    this.seekTo(Number(at));
    if (this.audio.paused) this.toggle();
  }

  private light(now: number): void {
    const at =
      this.audio.paused && now === 0
        ? null
        : (this.spans.find((word) => now >= word.start && now < word.end)?.span ?? null);
    if (at === this.lit) return;
    this.lit?.classList.remove("is-lit");
    at?.classList.add("is-lit");
    this.lit = at;
    if (at && !this.words.hidden) at.scrollIntoView({ block: "nearest", behavior: "auto" });
  }
}

/** What the two sides are called; the first name is enough while reading. */
export interface Speakers {
  customer: string;
  agent: string;
}

export function firstName(name: string | null | undefined): string | null {
  return name?.trim().split(/\s+/)[0] || null;
}

/** One turn of talk: who, then what. Shared with the live transcript. */
export function drawTurn(
  speaker: string,
  spoken: (Node | string)[],
  names: Speakers,
  atS: number | null = null,
): HTMLElement {
  const who = { customer: names.customer, agent: names.agent, ivr: t("Menu") }[speaker] ?? speaker;
  const at =
    atS === null
      ? null
      : h(
          "button",
          {
            type: "button",
            class: "turn-at num",
            "data-at": atS,
            "aria-label": t("Play from {time}", { time: duration(atS) }),
          },
          duration(atS),
        );
  return h(
    "div",
    { class: `turn is-${speaker === "customer" ? "customer" : "us"}` },
    h("span", { class: "turn-who" }, h("span", { class: "clip" }, who), at),
    h("p", { dir: "auto" }, ...spoken),
  );
}

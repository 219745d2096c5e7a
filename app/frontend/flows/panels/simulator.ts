/** A call played on the draft: the caller types or says something, the picture shows where the call is, everything can be kept as a test call. */
import { h, icon } from "../../lib/dom.ts";
import { Emitter } from "../../lib/emitter.ts";
import { toE164 } from "../../lib/format.ts";
import { Refusal } from "../../lib/http.ts";
import { t } from "../../lib/texts.ts";
import { toast } from "../../lib/toast.ts";
import type { FlowApi } from "../api.ts";
import { ask, field, select } from "../dialogs.ts";
import { Utterance } from "../microphone.ts";
import type { Panel } from "../strip.ts";
import type { Act, Simulation, Step } from "../types.ts";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

interface Surroundings {
  languages: string[];
  queues: string[];
}

/** What the simulator needs of the editor around it. */
interface Desk {
  text: () => string;
  settled: () => Promise<unknown>;
  titleOf: (id: string) => string;
  around: () => Surroundings;
  /** Put this text in the place of that one; false when somebody else writes, or it was changed meanwhile. */
  rewrite: (before: string, after: string) => boolean;
  /** Where the script lies that takes the microphone's sound. */
  worklet: string;
}

export class Simulator implements Panel {
  readonly name = "simulator";
  readonly label = t("Simulator");
  readonly element = h("section", { class: "simulator" });
  /** Where the call went; null when the simulator is closed. */
  readonly played = new Emitter<Simulation | null>();
  private readonly api: FlowApi;
  private readonly desk: Desk;
  private acts: Act[] = [];
  private now: Simulation | null = null;
  private serial = 0;
  private started = false;
  private utterance: Utterance | null = null;
  private readonly log = h("ol", { class: "sim-log", "aria-live": "polite", tabindex: 0, "aria-label": t("What the caller hears and does") });
  private readonly keypad = h("div", { class: "sim-keys", role: "group", "aria-label": t("Keys") });
  private readonly say = h("input", { type: "text", class: "sim-say", placeholder: t("Say something, or type keys"), "aria-label": t("What the caller says"), autocomplete: "off", maxlength: 400 });
  private readonly speak = h("button", { type: "button", class: "btn btn-small", "aria-pressed": "false", onclick: () => void this.listen() }, icon("microphone"), h("span", {}, t("Speak")));
  private readonly others = h("div", { class: "sim-others" });
  private readonly state = h("p", { class: "sim-state small" });
  private readonly variables = h("dl", { class: "sim-variables" });
  private readonly at = h("input", { type: "datetime-local", class: "form-control" });
  private readonly caller = h("input", { type: "tel", value: "+15550142030" });
  private readonly known = h("input", { type: "checkbox" });
  private readonly customerName = h("input", { type: "text", placeholder: t("Name") });
  private readonly customer = h("textarea", { rows: 3, class: "mono", spellcheck: "false", placeholder: '{"open_tickets": 1}' });
  private readonly lookups = h("textarea", { rows: 3, class: "mono", spellcheck: "false", placeholder: '{"balance": {"status": 200, "json": {"due": 12}}}' });
  private readonly queues = h("textarea", { rows: 3, class: "mono", spellcheck: "false", placeholder: '{"sales": {"wait_s": 40, "agents": 2}}' });
  private language: HTMLSelectElement = select([]);

  constructor(api: FlowApi, desk: Desk) {
    this.api = api;
    this.desk = desk;
    this.language = select([["", t("The flow's own")], ...desk.around().languages.map((each): [string, string] => [each, each])]);
    this.at.value = localNow();
    this.element.append(this.callColumn(), this.talkColumn(), this.surroundings());
  }

  opened(): void {
    if (!this.started) this.restart();
    else this.played.emit(this.now);
  }

  closed(): void {
    this.utterance?.stop();
    this.played.emit(null);
  }

  /** The draft changed: the same call again on what stands now. */
  textChanged(): void {
    if (this.started && !this.element.hidden) void this.play();
  }

  private callColumn(): HTMLElement {
    return h("div", { class: "sim-call" }, this.log, this.state);
  }

  private talkColumn(): HTMLElement {
    const act = (name: string, label: string, deed: Act, look = ""): HTMLElement => h("button", { type: "button", class: `btn btn-small ${look}`, onclick: () => this.do(deed) }, icon(name), label);
    for (const key of KEYS) this.keypad.append(h("button", { type: "button", class: "sim-key num", onclick: () => this.do({ press: key }) }, key));
    const form = h("form", { class: "sim-form" }, this.say, h("button", { type: "submit", class: "btn btn-small" }, t("Say")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const words = this.say.value.trim();
      if (!words) return;
      this.say.value = "";
      this.do(/^[0-9*#]+$/.test(words) ? { press: words } : { say: words });
    });
    this.others.append(this.speak, act("hourglass", t("Stay silent"), { silence: true }), act("clock", t("Wait 30 s"), { wait_s: 30 }), act("phone-off", t("Hang up"), { hang_up: true }));
    return h(
      "div",
      { class: "sim-talk" },
      form,
      this.keypad,
      this.others,
      h(
        "div",
        { class: "sim-deeds" },
        h("button", { type: "button", class: "btn btn-small", onclick: () => this.restart() }, icon("rotate"), t("New call")),
        h("button", { type: "button", class: "btn btn-small", onclick: () => this.undoAct() }, icon("arrow-back-up"), t("Back one step")),
        h("button", { type: "button", class: "btn btn-small", onclick: () => void this.keep() }, icon("device-floppy"), t("Save as test call")),
        h("button", { type: "button", class: "btn btn-small", onclick: () => void this.ring() }, icon("phone-call"), t("Call this draft")),
      ),
    );
  }

  private surroundings(): HTMLElement {
    const again = (): void => {
      if (this.started) void this.play();
    };
    for (const input of [this.at, this.caller, this.known, this.customerName, this.customer, this.lookups, this.queues, this.language]) input.addEventListener("change", again);
    const known = h("div", { class: "form-check" }, this.known, h("label", { for: "sim-known" }, t("The caller is known")));
    this.known.id = "sim-known";
    return h(
      "div",
      { class: "sim-around" },
      h("h3", { class: "section-label" }, t("Variables")),
      this.variables,
      h("h3", { class: "section-label" }, t("The call's surroundings")),
      h("div", { class: "sim-given" }, field(t("Clock"), this.at), field(t("Caller's number"), this.caller), field(t("Language"), this.language)),
      known,
      field(t("Caller's name"), this.customerName),
      h("details", {}, h("summary", { class: "small" }, t("Record, look-ups and queues")), field(t("More of the caller's record, as JSON"), this.customer), field(t("What look-ups answer, as JSON"), this.lookups), field(t("How queues stand, as JSON"), this.queues)),
    );
  }

  private do(act: Act): void {
    if (this.now?.ended) return;
    this.acts.push(act);
    void this.play();
  }

  /** The microphone's turn: what the server understands of it is what the caller says. A second click ends it. */
  private async listen(): Promise<void> {
    if (this.utterance) return this.utterance.stop();
    if (this.now?.ended) return;
    const utterance = new Utterance();
    this.utterance = utterance;
    this.drawSpeak(t("Listening: click to end"));
    try {
      const sound = await utterance.record(this.desk.worklet);
      if (!sound) return toast(t("Nothing was heard. Is the microphone on?"), { error: true });
      this.drawSpeak(t("Understanding"));
      const [serial, acts] = [this.serial, [...this.acts]];
      const { say, confidence } = await this.api.hear(this.desk.text(), this.given(), acts, sound);
      if (serial !== this.serial) return; // the call has gone on meanwhile
      if (say) this.do({ say, ...(confidence === null ? {} : { confidence }) });
      else toast(t("No words were understood."), { error: true });
    } catch (error) {
      toast((error as Error).message, { error: true });
    } finally {
      this.utterance = null;
      this.drawSpeak(t("Speak"));
    }
  }

  private drawSpeak(words: string): void {
    this.speak.classList.toggle("is-listening", this.utterance !== null);
    this.speak.setAttribute("aria-pressed", String(this.utterance !== null));
    this.speak.lastElementChild?.replaceChildren(words);
  }

  private undoAct(): void {
    this.acts.pop();
    void this.play();
  }

  private restart(): void {
    this.started = true;
    this.acts = [];
    void this.play();
  }

  /** What the call meets, without what was left as it is. */
  private given(): Record<string, unknown> {
    const at = this.at.value ? new Date(this.at.value) : new Date();
    const record = { ...(this.known.checked || this.customerName.value ? { is_known: true } : {}), ...(this.customerName.value ? { name: this.customerName.value } : {}), ...json(this.customer) };
    return {
      at: withZone(at),
      ...(this.caller.value ? { caller: toE164(this.caller.value) ?? this.caller.value } : {}),
      ...(this.language.value ? { language: this.language.value } : {}),
      ...(Object.keys(record).length ? { customer: record } : {}),
      ...(this.lookups.value.trim() ? { lookups: json(this.lookups) } : {}),
      ...(this.queues.value.trim() ? { queues: json(this.queues) } : {}),
    };
  }

  private async play(): Promise<void> {
    this.serial += 1;
    const serial = this.serial;
    try {
      const simulation = await this.api.simulate(this.desk.text(), this.given(), this.acts);
      if (serial !== this.serial) return;
      this.now = simulation;
      this.draw(simulation);
      if (!this.element.hidden) this.played.emit(simulation);
    } catch (error) {
      if (serial !== this.serial) return;
      const unusable = error instanceof Refusal && error.status === 422 && (error.body as { faults?: unknown })?.faults;
      this.state.textContent = unusable ? t("The draft can be called once the errors under Problems are mended.") : (error as Error).message;
    }
  }

  private draw(simulation: Simulation): void {
    this.log.replaceChildren(...simulation.steps.flatMap((step, at) => this.drawStep(step, at)));
    this.log.scrollTop = this.log.scrollHeight;
    this.state.replaceChildren(...this.status(simulation));
    const last = simulation.steps[simulation.steps.length - 1];
    const values = Object.entries(last?.variables ?? {});
    this.variables.replaceChildren(...(values.length ? values.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, typeof value === "string" ? value : JSON.stringify(value))]) : [h("dd", { class: "faint" }, t("None yet"))]));
    for (const button of this.keypad.querySelectorAll("button")) button.disabled = Boolean(simulation.ended);
    this.drawOthers(simulation);
  }

  /** Buttons that fit what the call waits for. */
  private drawOthers(simulation: Simulation): void {
    for (const extra of this.others.querySelectorAll("[data-extra]")) extra.remove();
    const add = (name: string, label: string, act: Act): void => this.others.append(h("button", { type: "button", class: "btn btn-small", "data-extra": "1", onclick: () => this.do(act) }, icon(name), label));
    if (simulation.waiting_for === "queue" || simulation.waiting_for === "agent") add("headset", t("An agent answers"), { agent_answers: true });
    if (simulation.waiting_for === "message") add("microphone-2", t("Leave a message"), { message_s: 12 });
    if (simulation.waiting_for === "transfer") {
      add("phone-call", t("They answer"), { transfer: "answered" });
      add("phone-x", t("Busy"), { transfer: "busy" });
      add("phone-off", t("They don't answer"), { transfer: "no-answer" });
    }
  }

  private drawStep(step: Step, at: number): HTMLElement[] {
    const rows: HTMLElement[] = [];
    if (step.act) rows.push(h("li", { class: "sim-act" }, h("span", { class: "sr-only" }, t("Caller: ")), actWords(step.act), sureness(step.act)));
    const [first, ...later] = step.nodes;
    const way = [first, ...later].filter((id): id is string => Boolean(id)).map((id) => this.desk.titleOf(id));
    if (way.length) rows.push(h("li", { class: "sim-way faint tiny", "data-step-no": at }, way.join(" → ")));
    for (const heard of step.heard) rows.push(h("li", { class: "sim-heard", lang: "language" in heard ? heard.language : null, dir: "auto" }, "say" in heard ? heard.say : `♪ ${heard.play}`));
    for (const fact of step.facts.filter((each) => !each.startsWith("entered "))) rows.push(h("li", { class: "sim-fact faint tiny" }, fact));
    return rows;
  }

  private status(simulation: Simulation): (Node | string)[] {
    const problems = simulation.problems.map((problem) => h("span", { class: "is-unreachable" }, icon("alert-circle", "icon icon-small"), ` ${problem} `));
    if (simulation.ended) return [...problems, h("strong", {}, t("The call is over: {outcome}", { outcome: simulation.ended.replace(/_/g, " ") }))];
    const waits: Record<string, string> = {
      key: t("Waits for a key"),
      speech: t("Waits for words"),
      key_or_speech: t("Waits for a key or words"),
      queue: t("Waits in the queue"),
      message: t("Records a message"),
      transfer: t("Is being put through"),
      agent: t("Rings an agent"),
    };
    return [...problems, waits[simulation.waiting_for ?? ""] ?? ""];
  }

  private async keep(): Promise<void> {
    const name = h("input", { type: "text", maxlength: 120, value: this.suggestedName(), autofocus: true });
    const sure = await ask({
      title: t("Save as test call"),
      body: [field(t("What it proves, in a sentence"), name, t("It runs before every publishing: the same caller must come to the same steps and the same end. Words may change."))],
      confirm: t("Save"),
      check: () => (name.value.trim() ? "" : t("Give it a name.")),
    });
    if (!sure || !this.now) return;
    try {
      const before = this.desk.text();
      const { text } = await this.api.withScenario(before, name.value.trim(), this.given(), this.acts);
      if (!this.desk.rewrite(before, text)) return;
      await this.desk.settled();
      toast(t("The test call was saved into the draft."));
    } catch (error) {
      toast((error as Error).message, { error: true });
    }
  }

  private suggestedName(): string {
    const deeds = this.acts.map(actWords).join(", ");
    const end = this.now?.node ? this.desk.titleOf(this.now.node) : (this.now?.ended ?? "").replace(/_/g, " ");
    return deeds ? t("{deeds}: {end}", { deeds, end }) : t("The call begins");
  }

  private async ring(): Promise<void> {
    const to = h("input", { type: "tel", value: localStorage.getItem("draft-call-to") ?? "+15550142030", autofocus: true });
    const sure = await ask({
      title: t("Call this draft"),
      body: [field(t("Ring this number"), to, t("The number of a caller's phone page, or your own telephone. You hear the draft with its real voices."))],
      confirm: t("Ring it"),
      check: () => (toE164(to.value) ? "" : t("A number starts with + and its country, then 6 to 14 digits.")),
    });
    if (!sure) return;
    localStorage.setItem("draft-call-to", to.value);
    try {
      await this.desk.settled();
      await this.api.callDraft(toE164(to.value) ?? to.value);
      toast(t("It rings. Answer it and press keys as a caller would."));
    } catch (error) {
      toast((error as Error).message, { error: true });
    }
  }
}

/** How sure the recogniser was of the words. */
function sureness(act: Act): HTMLElement | null {
  const share = act["confidence"];
  return share === undefined ? null : h("span", { class: "sim-sure faint tiny num" }, t("heard with {share}", { share: `${Math.round(Number(share) * 100)} %` }));
}

function actWords(act: Act): string {
  if (act["press"] !== undefined) return t("presses {keys}", { keys: String(act["press"]) });
  if (act["say"] !== undefined) return t("says “{words}”", { words: String(act["say"]) });
  if (act["silence"]) return t("stays silent");
  if (act["hang_up"]) return t("hangs up");
  if (act["wait_s"] !== undefined) return t("waits {n} seconds", { n: Number(act["wait_s"]) });
  if (act["agent_answers"]) return t("an agent answers");
  if (act["message_s"] !== undefined) return t("leaves a message");
  if (act["transfer"] !== undefined) return t("the other side: {state}", { state: String(act["transfer"]) });
  return Object.keys(act).join(", ");
}

function json(area: HTMLTextAreaElement): Record<string, unknown> {
  if (!area.value.trim()) return area.setCustomValidity(""), {};
  try {
    const read = JSON.parse(area.value) as Record<string, unknown>;
    area.removeAttribute("aria-invalid");
    return read;
  } catch {
    area.setAttribute("aria-invalid", "true");
    toast(t("This is no JSON yet: {text}", { text: area.value.slice(0, 40) }), { error: true });
    return {};
  }
}

function localNow(): string {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The moment with the browser's own offset, as flows want it. */
function withZone(at: Date): string {
  const minutes = -at.getTimezoneOffset();
  const two = (value: number): string => String(Math.floor(Math.abs(value))).padStart(2, "0");
  const local = new Date(at.getTime() + minutes * 60_000).toISOString().slice(0, 19);
  return `${local}${minutes < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}

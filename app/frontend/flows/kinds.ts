/** How each kind of step looks and what it is called: a shape for its family, an icon and a word for itself. */
import { mark, t } from "../lib/texts.ts";
import type { Value } from "./edit.ts";

export type Family = "ask" | "say" | "decide" | "route" | "end";

interface Look {
  family: Family;
  icon: string;
  word: string;
  /** What it does, for whoever chooses one. */
  does: string;
}

const LOOKS: Record<string, Look> = {
  say: { family: "say", icon: "message-2", word: mark("Say"), does: mark("Speak a text and go on") },
  play: { family: "say", icon: "player-play", word: mark("Play"), does: mark("Play a recording and go on") },
  sms: { family: "say", icon: "message", word: mark("Text message"), does: mark("Send the caller a text") },
  menu: { family: "ask", icon: "list-numbers", word: mark("Menu"), does: mark("Let the caller choose by key or word") },
  collect: { family: "ask", icon: "forms", word: mark("Question"), does: mark("Ask for a number, a date or an answer") },
  record: { family: "ask", icon: "microphone", word: mark("Recorded answer"), does: mark("Record what the caller says") },
  survey: { family: "ask", icon: "stars", word: mark("Survey"), does: mark("Ask how it was, by key or voice") },
  verify: { family: "ask", icon: "shield-lock", word: mark("Verify"), does: mark("Check a PIN or something the caller knows") },
  language: { family: "ask", icon: "language", word: mark("Language"), does: mark("Choose the language of the call") },
  hours: { family: "decide", icon: "clock-hour-9", word: mark("Hours"), does: mark("Go one way when open, another when closed") },
  branch: { family: "decide", icon: "arrows-split-2", word: mark("Branch"), does: mark("Go where a condition points") },
  split: { family: "decide", icon: "arrows-shuffle", word: mark("Split"), does: mark("Send a share of calls each way") },
  set: { family: "decide", icon: "variable", word: mark("Set"), does: mark("Note a value or change the language") },
  http: { family: "decide", icon: "world-search", word: mark("Look-up"), does: mark("Ask another system") },
  customer: { family: "decide", icon: "user-search", word: mark("Caller's record"), does: mark("Read or set the caller's record") },
  wait: { family: "decide", icon: "hourglass", word: mark("Wait"), does: mark("Wait a moment and go on") },
  goto: { family: "decide", icon: "arrow-right-circle", word: mark("Go to"), does: mark("Go on at another step") },
  subflow: { family: "decide", icon: "arrows-right-left", word: mark("Sub-flow"), does: mark("Run another flow and come back") },
  queue: { family: "route", icon: "users", word: mark("Queue"), does: mark("Let the caller wait for a person") },
  callback: { family: "route", icon: "phone-call", word: mark("Callback"), does: mark("Agree to call back") },
  voicemail: { family: "route", icon: "microphone-2", word: mark("Voicemail"), does: mark("Take a message") },
  transfer: { family: "route", icon: "phone-outgoing", word: mark("Transfer"), does: mark("Connect to a number, an agent or a flow") },
  hangup: { family: "end", icon: "phone-off", word: mark("Hang up"), does: mark("End the call") },
};

const UNKNOWN: Look = { family: "decide", icon: "help-circle", word: "", does: "" };

export function lookOf(kind: string): Look {
  return LOOKS[kind] ?? UNKNOWN;
}

export function wordOf(kind: string): string {
  const word = LOOKS[kind]?.word;
  return word ? t(word) : kind || t("No kind");
}

export function isKnown(kind: string): boolean {
  return kind in LOOKS;
}

export const FAMILIES: [Family, string][] = [
  ["say", mark("Say")],
  ["ask", mark("Ask")],
  ["decide", mark("Decide")],
  ["route", mark("To a person")],
  ["end", mark("End")],
];

const FIELDS: Record<string, string> = {
  title: mark("Title"),
  text: mark("What is said"),
  prompt: mark("Prompt"),
  retry_prompt: mark("Prompt before asking again"),
  before: mark("Said before waiting"),
  thanks: mark("Said at the end"),
  say: mark("Said before hanging up"),
  audio: mark("Recording"),
  next: mark("Then go to"),
  otherwise: mark("Otherwise"),
  open: mark("When open"),
  closed: mark("When closed"),
  holiday: mark("On a holiday"),
  no_input: mark("No answer"),
  no_match: mark("Not understood"),
  person: mark("Asked for a person"),
  unanswered: mark("Nobody answered"),
  fallback: mark("If that fails"),
  no_number: mark("No number to text to"),
  failed: mark("If it fails"),
  queue: mark("Queue"),
  mailbox: mark("Mailbox"),
  flow: mark("Flow"),
  number: mark("Number"),
  agent: mark("Agent"),
  tries: mark("Tries"),
  timeout_s: mark("Seconds to answer"),
  priority_min: mark("Head start in minutes"),
  goal: mark("Goal reached"),
  language: mark("Language"),
  choices: mark("Choices"),
  weekly: mark("Weekly hours"),
  zone: mark("Time zone"),
};

/** What a field is called; one without a word of its own is its name made readable. */
export function fieldWord(name: string): string {
  const word = FIELDS[name];
  if (word) return t(word);
  const plain = name.replace(/_s$/, " (s)").replace(/_/g, " ");
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** The fields a new step starts with, so that it is whole at once: what is said stands in every language of the flow. */
export function freshStep(
  kind: string,
  title: string,
  context: { languages: string[]; next: string; queue: string },
): Record<string, Value> | null {
  const { languages, next, queue } = context;
  const said = (text: string): Value => Object.fromEntries(languages.map((language) => [language, text]));
  const fields: Record<string, Record<string, Value>> = {
    say: { text: said(title), next },
    play: { audio: "/audio/recording.wav", next },
    sms: { text: said(title), next },
    menu: { prompt: said(`${title}: …`), choices: [{ key: 1, to: next }] },
    collect: { prompt: said(`${title}: …`), into: "answer", next },
    hours: { zone: "UTC", weekly: { "mon-fri": "09:00-17:00" }, open: next, closed: next },
    branch: { when: [{ if: "customer.is_known", to: next }], otherwise: next },
    set: { variables: { note: title }, next },
    queue: { queue },
    voicemail: { prompt: said(`${title}: …`), mailbox: queue },
    transfer: { number: "+15550100000", fallback: next },
    hangup: { say: said(title) },
  };
  const own = fields[kind];
  return own ? { kind, title, ...own } : null;
}

/** What an agent does, as a word, an icon and a colour: never the colour alone. The order is the one of the groups. */
import { h, icon } from "../lib/dom.ts";
import { mark, t } from "../lib/texts.ts";
import type { Agent } from "./types.ts";

interface Look {
  word: string;
  icon: string;
  look: string;
}

export const STATES: Record<string, Look> = {
  agent_lost: { word: mark("Line lost"), icon: "plug-connected-x", look: "is-unreachable" },
  not_responding: { word: mark("Missed a call"), icon: "phone-x", look: "is-unreachable" },
  unreachable: { word: mark("Cannot ring"), icon: "phone-off", look: "is-unreachable" },
  ringing: { word: mark("Ringing"), icon: "phone-incoming", look: "is-ready" },
  talking: { word: mark("At work"), icon: "phone", look: "is-busy" },
  held: { word: mark("On hold"), icon: "player-pause", look: "is-busy" },
  wrapping: { word: mark("Wrap-up"), icon: "checklist", look: "is-wrap" },
  resting: { word: mark("Rests after work"), icon: "hourglass", look: "is-wrap" },
  ready: { word: mark("Ready"), icon: "circle-check", look: "is-ready" },
  break: { word: mark("On a break"), icon: "coffee", look: "is-away" },
  offline: { word: mark("Off shift"), icon: "power", look: "is-away" },
};
export const ORDER = Object.keys(STATES);

const reasonNames = new Map([["connection_lost", t("Connection lost")]]);

/** What the house calls its breaks. */
export function nameReasons(reasons: { key: string; name: string }[]): void {
  for (const { key, name } of reasons) reasonNames.set(key, name);
}

const PROBLEMS: Record<string, string> = {
  microphone_blocked: mark("Microphone blocked"),
  no_microphone: mark("No microphone"),
  not_registered: mark("Phone not connected"),
  other_tab: mark("Another tab has the phone"),
  no_gesture: mark("The browser waits for a click"),
  closed: mark("Desktop closed"),
};
const NEXT: Record<string, string> = {
  break: mark("then a break"),
  offline: mark("then off shift"),
  available: mark("then available"),
};

export function wordOf(status: string): string {
  return t(STATES[status]?.word ?? status);
}

/** What stands beside the word: why the break, why it would not ring, what comes next. */
export function addition(agent: Agent): string | null {
  if (agent.status === "break" || agent.status === "offline")
    return agent.reason && (reasonNames.get(agent.reason) ?? agent.reason);
  if (agent.status === "unreachable") return agent.problem ? t(PROBLEMS[agent.problem] ?? agent.problem) : t("Desktop closed");
  return agent.next_presence ? t(NEXT[agent.next_presence] ?? "") : null;
}

export function stateMark(status: string): HTMLElement {
  const { icon: picture, look } = STATES[status] ?? { icon: "help-circle", look: "is-away" };
  return h("span", { class: `state ${look}` }, icon(picture), wordOf(status));
}

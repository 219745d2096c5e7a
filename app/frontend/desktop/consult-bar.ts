/** Below the call: whom the agent asked into it, which supervisors are there, what a colleague said when they handed it on. */
import { byId, h, icon, show } from "../lib/dom.ts";
import { phoneNumber } from "../lib/format.ts";
import { mark, t } from "../lib/texts.ts";
import { drawTimers } from "./clock.ts";
import type { Call, Consult, Supervising, Supervisor } from "./types.ts";

export interface ConsultActions {
  handOver: () => void;
  together: () => void;
  backOut: () => void;
  supervise: (mode: Supervising["mode"] | "leave") => void;
}

const STATES: Record<Consult["state"], string> = {
  waiting: mark("Waiting for somebody of {who}. The customer hears music."),
  ringing: mark("{who}: ringing"),
  talking: mark("You talk with {who}. The customer hears music."),
  joined: mark("You, {who} and the customer talk together."),
  outside: mark("{who} talks with the customer."),
};
const SUPERVISORS: Record<Supervisor["mode"], string> = {
  listen: mark("{who} listens to this call."),
  coach: mark("{who} coaches you: nobody else hears them."),
  barge: mark("{who} is in this call: everybody hears them."),
  take_over: mark("{who} takes this call over."),
};
const OWN: Record<Supervising["mode"], string> = {
  listen: mark("You listen to {agent}: nobody hears you."),
  coach: mark("You coach {agent}: nobody else hears you."),
  barge: mark("You are in {agent}'s call: everybody hears you."),
  take_over: mark("You take {agent}'s call over."),
};

export class ConsultBar {
  private readonly bar = byId("consult-bar");
  private readonly watch = byId("supervise-bar");
  private readonly actions: ConsultActions;
  private drawn = "";

  constructor(actions: ConsultActions) {
    this.actions = actions;
  }

  draw(call: Call | null, supervising: Supervising | null, busy: boolean): void {
    const fingerprint = JSON.stringify([call, supervising, busy]);
    if (fingerprint === this.drawn) return;
    this.drawn = fingerprint;
    const focused = (document.activeElement as HTMLElement | null)?.closest<HTMLElement>("#consult-bar [data-do]")
      ?.dataset["do"];
    const rows = call && call.state !== "wrapping" ? this.rows(call, busy) : [];
    this.bar.replaceChildren(...rows);
    show(this.bar, rows.length > 0);
    this.watch.replaceChildren(...(supervising ? [this.own(supervising, busy)] : []));
    show(this.watch, supervising !== null);
    if (focused) this.bar.querySelector<HTMLElement>(`[data-do=${focused}]`)?.focus();
    drawTimers(this.bar);
    drawTimers(this.watch);
  }

  private rows(call: Call, busy: boolean): HTMLElement[] {
    const rows = (call.supervisors ?? []).map((one) =>
      line("eye", t(SUPERVISORS[one.mode], { who: one.name }), "is-busy"),
    );
    if (call.handed?.note) rows.unshift(line("note", t("{who}: “{note}”", { who: call.handed.by, note: call.handed.note })));
    if (call.help) rows.push(line("lifebuoy", t("You asked for help: supervisors see it."), "is-busy"));
    if (!call.consult) return rows;
    return [...rows, call.role === "consult" ? this.asked(call.consult, busy) : this.asking(call.consult, busy)];
  }

  /** The agent's own view of the one they asked. */
  private asking(consult: Consult, busy: boolean): HTMLElement {
    const who = consult.outside ? phoneNumber(consult.who) : consult.who;
    const waiting = consult.state === "waiting";
    const talking = consult.state === "talking";
    const there = talking || consult.state === "joined";
    return h(
      "div",
      { class: "consult-row", role: "group", "aria-label": t("Asked into the call") },
      icon(waiting ? "hourglass" : consult.state === "ringing" ? "phone-outgoing" : "users"),
      h("p", { class: "grow", role: "status" }, t(STATES[consult.state], { who })),
      h("span", { class: "timer num", "data-since": consult.since }),
      there && this.button("hand-over", t("Hand over"), "arrow-right", this.actions.handOver, "Control+Shift+2", busy, true),
      waiting && this.button("hand-over", t("Let the customer wait there"), "arrow-right", this.actions.handOver, "Control+Shift+2", busy),
      talking && this.button("together", t("All together"), "users", this.actions.together, "Control+Shift+3", busy),
      this.button(
        "back-out",
        there ? t("Without {who}", { who }) : waiting ? t("Stop waiting") : t("Stop ringing"),
        "x",
        this.actions.backOut,
        "Control+Shift+4",
        busy,
      ),
    );
  }

  /** The view of the one who was asked. */
  private asked(consult: Consult, busy: boolean): HTMLElement {
    const words =
      consult.state === "joined"
        ? t("{who} asked you in: you talk together with the customer.", { who: consult.by })
        : t("{who} asks you. The customer hears music and does not hear you.", { who: consult.by });
    return h(
      "div",
      { class: "consult-row", role: "group", "aria-label": t("Asked into the call") },
      icon("users"),
      h("p", { class: "grow", role: "status" }, words),
      h("span", { class: "timer num", "data-since": consult.since }),
      this.button("back-out", t("Leave"), "door-exit", this.actions.backOut, "Control+Shift+4", busy),
    );
  }

  private own(supervising: Supervising, busy: boolean): HTMLElement {
    const { agent, mode, joined } = supervising;
    const modes: [Supervising["mode"], string, string][] = [
      ["listen", t("Listen"), "ear"],
      ["coach", t("Coach"), "message-circle"],
      ["barge", t("Barge in"), "users"],
      ["take_over", t("Take over"), "arrow-right"],
    ];
    return h(
      "div",
      { class: "consult-row", role: "group", "aria-label": t("The call that you are in") },
      icon("eye"),
      h("p", { class: "grow", role: "status" }, joined ? t(OWN[mode], { agent }) : t("Your phone rings for {agent}'s call", { agent })),
      h("span", { class: "timer num", "data-since": supervising.since }),
      ...modes.map(([each, words, picture]) =>
        h(
          "button",
          {
            type: "button",
            class: "btn btn-small",
            "data-do": each,
            "aria-pressed": String(each === mode),
            disabled: busy || !joined,
            onclick: () => this.actions.supervise(each),
          },
          icon(picture),
          words,
        ),
      ),
      h(
        "button",
        { type: "button", class: "btn btn-small", "data-do": "leave", onclick: () => this.actions.supervise("leave") },
        icon("door-exit"),
        t("Leave"),
      ),
    );
  }

  private button(
    name: string,
    words: string,
    picture: string,
    act: () => void,
    keys: string,
    busy: boolean,
    primary = false,
  ): HTMLElement {
    return h(
      "button",
      {
        type: "button",
        class: primary ? "btn btn-small btn-primary" : "btn btn-small",
        "data-do": name,
        "aria-keyshortcuts": keys,
        disabled: busy,
        onclick: act,
      },
      icon(picture),
      words,
    );
  }
}

function line(picture: string, words: string, look = ""): HTMLElement {
  return h("p", { class: `consult-row consult-note ${look}` }, icon(picture), h("span", {}, words));
}

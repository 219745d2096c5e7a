/** The call at hand, pinned above whatever record is open: who, how long, and what can be done with it. */
import { byId, h, icon, show } from "../lib/dom.ts";
import { phoneNumber } from "../lib/format.ts";
import { mark, t } from "../lib/texts.ts";
import { drawTimers } from "./clock.ts";
import { nameOf, type Call } from "./types.ts";

export interface CallActions {
  mute: () => void;
  hold: () => void;
  hangup: () => void;
  transfer: () => void;
  park: () => void;
  help: () => void;
  back: () => void;
}

const STATES: Record<Call["state"], { word: string; look: string; icon: string }> = {
  active: { word: mark("Talking"), look: "is-ready", icon: "phone" },
  held: { word: mark("On hold"), look: "is-busy", icon: "player-pause" },
  agent_lost: { word: mark("Your line was lost: ringing you again"), look: "is-unreachable", icon: "plug-connected-x" },
  wrapping: { word: mark("Wrap-up"), look: "is-wrap", icon: "checklist" },
};

export class CallBar {
  private readonly bar = byId("call-bar");
  private readonly actions: CallActions;
  private drawn = "";

  constructor(actions: CallActions) {
    this.actions = actions;
  }

  /** `muted` is what this desk's own phone does; `elsewhere`: another customer's record is open. */
  draw(call: Call | null, { muted, elsewhere, busy }: { muted: boolean; elsewhere: boolean; busy: boolean }): void {
    show(this.bar, call !== null);
    const fingerprint = JSON.stringify([call, muted, elsewhere, busy]);
    if (!call || fingerprint === this.drawn) return;
    this.drawn = fingerprint;
    const focused = (document.activeElement as HTMLElement | null)?.closest<HTMLElement>("#call-bar [data-do]")
      ?.dataset["do"];
    this.bar.dataset["state"] = call.state;
    this.bar.replaceChildren(this.who(call, elsewhere), this.controls(call, muted, busy));
    if (focused) this.bar.querySelector<HTMLElement>(`[data-do=${focused}]`)?.focus();
    drawTimers(this.bar);
  }

  private who(call: Call, elsewhere: boolean): HTMLElement {
    const dialling = call.direction === "outbound" && call.answered_at === null && call.state === "active";
    const {
      word,
      look,
      icon: picture,
    } = dialling ? { word: mark("Calling them"), look: "is-busy", icon: "phone-outgoing" } : STATES[call.state];
    const out = call.direction === "outbound";
    const number = call.customer.number && call.customer.name ? phoneNumber(call.customer.number) : null;
    const way = number
      ? `${out ? t("Call to") : t("Call from")} ${number}`
      : out
        ? t("Outgoing call")
        : t("Incoming call");
    const timer =
      call.state === "wrapping" && call.wrap_up_ends_at
        ? h("span", { class: "timer num", "data-until": call.wrap_up_ends_at, title: t("Time left to wrap up") })
        : h("span", {
            class: "timer num",
            "data-since": call.state === "held" ? call.since : (call.answered_at ?? call.since),
          });
    const facts = [call.role === "handed_on" && t("You have handed it on"), way, call.queue].filter(Boolean).join(" · ");
    const name = nameOf(
      { ...call.customer, number: call.customer.number && phoneNumber(call.customer.number) },
      t("Number withheld"),
    );
    return h(
      "div",
      { class: "call-bar-who" },
      h("span", { class: "breath", "aria-hidden": "true" }),
      h(
        "div",
        { class: "grow" },
        h("p", { class: "call-bar-name clip" }, name),
        h("p", { class: "muted small num clip" }, facts),
      ),
      elsewhere &&
        h(
          "button",
          {
            type: "button",
            class: "btn btn-small",
            "data-do": "back",
            "aria-keyshortcuts": "Control+Shift+C",
            onclick: this.actions.back,
          },
          icon("corner-up-left"),
          t("Back to the call"),
        ),
      h("span", { class: `state state-pill ${look}`, role: "status" }, icon(picture), t(word)),
      timer,
    );
  }

  private controls(call: Call, muted: boolean, busy: boolean): HTMLElement {
    const talking = call.state === "active" || call.state === "held";
    if (!talking) return h("div", { class: "call-bar-controls", hidden: true });
    const own = call.role !== "consult";
    return h(
      "div",
      { class: "call-bar-controls", role: "group", "aria-label": t("The call now") },
      this.muteButton(muted),
      ...(own ? this.ownControls(call, busy) : []),
    );
  }

  private muteButton(muted: boolean): HTMLElement {
    return h(
      "button",
      {
        type: "button",
        class: "btn",
        "data-do": "mute",
        "aria-pressed": String(muted),
        "aria-keyshortcuts": "Control+Shift+M",
        onclick: this.actions.mute,
      },
      icon(muted ? "microphone-off" : "microphone"),
      muted ? t("Unmute") : t("Mute"),
    );
  }

  /** What only the call's own agent may do. Whoever talks with a colleague first has the consult's own buttons. */
  private ownControls(call: Call, busy: boolean): HTMLElement[] {
    const held = call.state === "held";
    const asking = call.consult?.kind === "consult" && call.consult.state !== "joined";
    return [
      h(
        "button",
        {
          type: "button",
          class: "btn",
          "data-do": "hold",
          "aria-pressed": String(held),
          "aria-keyshortcuts": "Control+Shift+H",
          disabled: busy || asking,
          onclick: this.actions.hold,
        },
        icon(held ? "player-play" : "player-pause"),
        held ? t("Take back") : t("Hold"),
      ),
      h(
        "button",
        {
          type: "button",
          class: "btn",
          "data-do": "keypad",
          popovertarget: "keypad-menu",
          "aria-haspopup": "dialog",
          "aria-expanded": "false",
          disabled: held,
        },
        icon("dialpad"),
        t("Keypad"),
      ),
      h(
        "button",
        {
          type: "button",
          class: "btn",
          "data-do": "transfer",
          "aria-haspopup": "dialog",
          "aria-keyshortcuts": "Control+Shift+X",
          disabled: busy || Boolean(call.consult),
          onclick: this.actions.transfer,
        },
        icon("arrows-right"),
        t("Transfer"),
      ),
      h(
        "button",
        {
          type: "button",
          class: "btn",
          "data-do": "park",
          "aria-keyshortcuts": "Control+Shift+5",
          disabled: busy || Boolean(call.consult),
          onclick: this.actions.park,
        },
        icon("parking"),
        t("Park"),
      ),
      h(
        "button",
        {
          type: "button",
          class: "btn",
          "data-do": "help",
          "aria-pressed": String(Boolean(call.help)),
          "aria-keyshortcuts": "Control+Shift+6",
          disabled: busy,
          onclick: this.actions.help,
        },
        icon("lifebuoy"),
        t("Help me"),
      ),
      h("span", { class: "grow" }),
      h(
        "button",
        {
          type: "button",
          class: "btn btn-hangup",
          "data-do": "hangup",
          "aria-keyshortcuts": "Control+Shift+1",
          disabled: busy && call.hangup_requested === true,
          onclick: this.actions.hangup,
        },
        icon("phone-off"),
        t("Hang up"),
      ),
    ];
  }
}

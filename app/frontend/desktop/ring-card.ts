/** A call or a text that is offered: who, why, how long they waited, how long is left. Floats over the record and never takes the focus. */
import { channelIcon } from "../lib/channels.ts";
import { byId, h, icon, show } from "../lib/dom.ts";
import { duration, phoneNumber } from "../lib/format.ts";
import { t } from "../lib/texts.ts";
import { isCall, type Offer } from "./types.ts";

export interface RingActions {
  answer: () => void;
  decline: () => void;
}

export class RingCard {
  private readonly card = byId("ring");
  private readonly actions: RingActions;
  private drawn: string | null = null;

  constructor(actions: RingActions) {
    this.actions = actions;
  }

  /** `answering`: the agent pressed Answer and the line is being put through. */
  draw(offer: Offer | null, answering: boolean): void {
    show(this.card, offer !== null);
    if (!offer) {
      this.drawn = null;
      return this.card.replaceChildren();
    }
    const wanted = `${offer.id}${offer.calling ? " calling" : ""}`;
    if (this.drawn !== wanted) this.build(offer);
    this.drawn = wanted;
    const answer = this.card.querySelector<HTMLButtonElement>("[data-do=answer]");
    if (answer) answer.disabled = answering;
    this.card.classList.toggle("is-answering", answering);
  }

  private build(offer: Offer): void {
    const { customer } = offer;
    const number = customer.number ? phoneNumber(customer.number) : t("Number withheld");
    const who = customer.name ?? number;
    const asked = offer.role === "consult" && offer.handed ? t("{who} asks you", { who: offer.handed.by }) : null;
    const why = offer.handed?.note ? t("{who}: “{note}”", { who: offer.handed.by, note: offer.handed.note }) : offer.why;
    const facts = [asked, offer.queue, t("waited {time}", { time: duration(offer.waited_s) })].filter(Boolean).join(" · ");
    const bar = h("div", { class: "deadline-bar" });
    this.card.replaceChildren(
      h(
        "div",
        { class: offer.calling ? "ring-pulse is-still" : "ring-pulse", "aria-hidden": "true" },
        icon(pictureOf(offer), "icon icon-large"),
      ),
      h(
        "div",
        { class: "grow" },
        h("p", { class: "ring-who clip" }, offer.calling ? t("Calling {who} for you", { who }) : who),
        h("p", { class: "ring-why" }, offer.calling ? t("You are rung when they answer.") : (why ?? (isCall(offer) ? t("Calling") : t("Has written")))),
        h("p", { class: "muted small num" }, customer.name ? `${number} · ${facts}` : facts),
      ),
      h(
        "div",
        { class: "ring-actions" },
        h(
          "button",
          {
            type: "button",
            class: "btn",
            "data-do": "decline",
            "aria-keyshortcuts": "Control+Shift+R",
            onclick: this.actions.decline,
          },
          t("Decline"),
          h("span", { class: "chord", "aria-hidden": "true" }, "⇧R"),
        ),
        offer.calling ? null : this.answerButton(isCall(offer)),
      ),
      h("div", { class: "deadline", title: t("Time left to answer") }, bar),
    );
    const left = Math.max(0, offer.seconds_left);
    bar.animate(
      [{ transform: `scaleX(${Math.min(1, left / Math.max(1, offer.ring_s))})` }, { transform: "scaleX(0)" }],
      { duration: left * 1000, fill: "forwards" },
    );
  }

  private answerButton(call: boolean): HTMLElement {
    return h(
      "button",
      {
        type: "button",
        class: "btn btn-answer",
        "data-do": "answer",
        "aria-keyshortcuts": "Control+Shift+A",
        onclick: this.actions.answer,
      },
      icon(call ? "phone-filled" : "check"),
      call ? t("Answer") : t("Accept"),
      h("span", { class: "chord", "aria-hidden": "true" }, "⇧A"),
    );
  }
}

function pictureOf(offer: Offer): string {
  if (!isCall(offer)) return channelIcon(offer.channel ?? "");
  return offer.calling ? "phone-outgoing" : "phone-incoming";
}

/** The left column: what is with me now, and whom I dealt with lately. */
import { channelIcon } from "../lib/channels.ts";
import { byId, h, icon } from "../lib/dom.ts";
import { exactly, phoneNumber, whenShort } from "../lib/format.ts";
import { mark, t } from "../lib/texts.ts";
import { drawTimers } from "./clock.ts";
import { isCall, type Customer, type DesktopState, type Offer, type Parked, type RecentItem, type WorkItem } from "./types.ts";

const STATE_LOOK: Record<string, string> = {
  active: "is-ready",
  held: "is-busy",
  wrapping: "is-wrap",
  agent_lost: "is-unreachable",
  offered: "is-ready",
};
const CALL_ENDS: Record<string, string> = {
  completed: mark("Call ended"),
  abandoned: mark("Gave up waiting"),
  callback: mark("Asked to be called back"),
  voicemail: mark("Left a message"),
  failed: mark("Could not be connected"),
  canceled: mark("Canceled"),
  handed_on: mark("Handed on"),
  asked: mark("You were asked"),
};

export class WorkList {
  private readonly open: (customerId: string) => void;
  private readonly unpark: (interactionId: string) => void;
  private drawn = "";

  constructor(open: (customerId: string) => void, unpark: (interactionId: string) => void) {
    this.open = open;
    this.unpark = unpark;
  }

  draw({ work, offer, parked = [] }: Pick<DesktopState, "work" | "offer" | "parked">, openId: string | null): void {
    const fingerprint = JSON.stringify([work, offer?.id, parked, openId]);
    if (fingerprint === this.drawn) return;
    this.drawn = fingerprint;
    const now = [
      ...onePerCustomer(work.now).map((item) => this.nowRow(item, openId)),
      ...parked.map((item) => this.parkedRow(item)),
    ];
    const ringing =
      offer && !work.now.some((item) => item.interaction_id === offer.interaction_id)
        ? [this.offerRow(offer, openId)]
        : [];
    byId("work-now").replaceChildren(
      ...(now.length + ringing.length ? [...ringing, ...now] : [h("p", { class: "work-none" }, t("Nothing at hand."))]),
    );
    const here = new Set([...work.now.map((item) => item.customer.id), offer?.customer.id]);
    const recent = work.recent.filter((item) => !here.has(item.customer.id));
    byId("work-recent").replaceChildren(
      ...(recent.length
        ? recent.map((item) => this.recentRow(item, openId))
        : [h("p", { class: "work-none" }, t("People you dealt with appear here."))]),
    );
    drawTimers(byId("work"));
  }

  private parkedRow(item: Parked): HTMLElement {
    const name = item.customer.name ?? (item.customer.number ? phoneNumber(item.customer.number) : t("Number withheld"));
    return h(
      "div",
      { class: "work-row work-parked", "data-parked": item.interaction_id },
      icon("parking", "icon is-busy"),
      h(
        "span",
        { class: "work-name clip grow" },
        name,
        item.by ? h("span", { class: "work-line clip work-by" }, t("Parked by {who}", { who: item.by })) : null,
      ),
      h("span", { class: "timer num", "data-until": item.until, title: t("Then it rings at whoever parked it") }),
      h(
        "button",
        { type: "button", class: "btn btn-small", "data-do": "unpark", onclick: () => this.unpark(item.interaction_id) },
        t("Take up"),
      ),
    );
  }

  private offerRow(offer: Offer, openId: string | null): HTMLElement {
    const [picture, word] = !isCall(offer)
      ? [channelIcon(offer.channel ?? ""), t("Offered")]
      : offer.calling
        ? ["phone-outgoing", t("Calling them")]
        : ["phone-incoming", t("Ringing")];
    return this.row(offer.customer, openId, icon(picture, "icon is-ready"), h("span", { class: "is-ready" }, word), null);
  }

  private nowRow(item: WorkItem, openId: string | null): HTMLElement {
    const running = item.channel === "voice";
    const timer = running
      ? h("span", { class: "timer num", "data-since": item.since })
      : h("time", { class: "num", datetime: item.since, title: exactly(item.since) }, whenShort(item.since));
    return this.row(
      item.customer,
      openId,
      icon(channelIcon(item.channel), `icon ${STATE_LOOK[item.state] ?? ""}`),
      timer,
      null,
    );
  }

  private recentRow(item: RecentItem, openId: string | null): HTMLElement {
    const at = h("time", { class: "num", datetime: item.at, title: exactly(item.at) }, whenShort(item.at));
    const row = this.row(
      item.customer,
      openId,
      icon(channelIcon(item.channel)),
      at,
      item.channel === "voice" ? t(CALL_ENDS[item.line] ?? item.line) : item.line,
    );
    if (item.unanswered) row.classList.add("is-unanswered");
    if (item.unanswered) row.append(h("span", { class: "sr-only" }, t("Waiting for a reply")));
    return row;
  }

  private row(customer: Customer, openId: string | null, picture: Node, right: Node, line: string | null): HTMLElement {
    const name = customer.name ?? (customer.number ? phoneNumber(customer.number) : t("Number withheld"));
    return h(
      "button",
      {
        type: "button",
        class: "work-row",
        "aria-current": customer.id === openId ? "true" : null,
        "data-customer": customer.id,
        onclick: () => this.open(customer.id),
      },
      picture,
      h("span", { class: "work-name clip" }, name),
      right,
      line !== null && h("span", { class: "work-line clip" }, line),
    );
  }
}

/** A person is one line, however many ways they talk to us at once; a call speaks for the rest. */
function onePerCustomer(items: WorkItem[]): WorkItem[] {
  const callsFirst = [...items].sort((a, b) => Number(b.channel === "voice") - Number(a.channel === "voice"));
  return callsFirst.filter(
    (item, at) => callsFirst.findIndex((other) => other.customer.id === item.customer.id) === at,
  );
}

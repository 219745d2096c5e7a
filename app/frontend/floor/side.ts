/** Beside the tables: alerts that stand, and who waits, as nodes on a line. */
import { byId, h, icon } from "../lib/dom.ts";
import { t } from "../lib/texts.ts";
import { whoOf } from "./agents.ts";
import { LIMITS } from "./queues.ts";
import { Rows, rove } from "./rows.ts";
import type { Alert, Contact, Floor, Parked } from "./types.ts";

const SHOWN = 40;

export class Side {
  private readonly alerts: Rows<Alert & { queue: string }>;
  private readonly waiting: Rows<Contact & { queue: string }>;
  private readonly parked: Rows<Parked & { queue: string }>;

  constructor(
    see: (alert: Alert) => void,
    openMenu: (contact: Contact, button: HTMLElement) => void,
    parkedMenu: (contact: Contact, button: HTMLElement) => void,
  ) {
    this.parked = new Rows(byId("parked"), (contact) => contact.interaction_id, (contact) => parkedNode(contact, parkedMenu));
    rove(byId("parked"));
    this.alerts = new Rows(byId("alerts"), (alert) => String(alert.id), (alert) => alertLine(alert, see));
    this.waiting = new Rows(byId("waiting"), (contact) => contact.interaction_id, (contact) => contact.by ? askingNode(contact) : node(contact, openMenu));
    rove(byId("waiting"));
  }

  draw({ alerts, waiting, parked, queues, totals }: Floor): void {
    const names = new Map(queues.map((queue) => [queue.id, queue.name]));
    this.alerts.draw(alerts.map((alert) => ({ ...alert, queue: names.get(alert.queue_id) ?? "" })));
    byId("alert-none").hidden = alerts.length > 0;
    const shown = waiting.slice(0, SHOWN);
    this.waiting.draw(shown.map((contact) => ({ ...contact, queue: names.get(contact.queue_id ?? 0) ?? "" })));
    this.parked.draw(parked.map((contact) => ({ ...contact, queue: names.get(contact.queue_id ?? 0) ?? "" })));
    byId("parked-part").hidden = parked.length === 0;
    byId("waiting-none").hidden = waiting.length > 0;
    const rest = totals.waiting + totals.asking - shown.length;
    byId("waiting-more").hidden = rest <= 0;
    byId("waiting-more").textContent = t("and {n} more", { n: rest });
  }
}

function alertLine(alert: Alert & { queue: string }, see: (alert: Alert) => void): HTMLElement {
  const words = t(LIMITS[alert.kind], { value: Math.round(alert.value), limit: alert.limit });
  const seen = alert.seen_by
    ? h("span", { class: "faint tiny" }, t("{name} looks after it", { name: alert.seen_by }))
    : h("button", { type: "button", class: "btn btn-small", "data-part": "see", onclick: () => see(alert) }, t("I look after it"));
  return h(
    "li",
    { class: "alert-line" },
    h("span", { class: "is-unreachable" }, icon("alert-triangle")),
    h("div", { class: "grow" }, h("b", {}, alert.queue), h("br"), words, " ", h("span", { class: "timer faint", "data-since": alert.since })),
    seen,
  );
}

function parkedNode(contact: Parked & { queue: string }, openMenu: (contact: Contact, button: HTMLElement) => void): HTMLElement {
  const facts = [contact.by && t("Parked by {who}", { who: contact.by }), contact.queue].filter(Boolean).join(" · ");
  return h(
    "li",
    { class: "waiter" },
    h("span", { class: "timer", "data-since": contact.since }),
    h(
      "span",
      { class: "clip grow" },
      whoOf(contact),
      h("br"),
      h("span", { class: "faint tiny" }, facts, h("br"), t("comes back in"), " "),
      h("span", { class: "timer faint tiny", "data-until": contact.until }),
    ),
    menuButton(contact, openMenu),
  );
}

/** An agent who asked the queue first: no customer, so nothing is done with them from here. */
function askingNode(contact: Contact & { queue: string }): HTMLElement {
  return h(
    "li",
    { class: nodeClass(contact) },
    h("span", { class: "timer", "data-since": contact.since }),
    h(
      "span",
      { class: "clip grow" },
      h("span", { class: "state is-away" }, icon("headset", "icon icon-small"), t("{name} asks", { name: contact.by ?? "" })),
      h("br"),
      h("span", { class: "faint tiny" }, [contact.queue, t("for {name}", { name: whoOf(contact) })].filter(Boolean).join(" · ")),
      " ",
      ringing(contact),
    ),
  );
}

function nodeClass(contact: Contact): string {
  return contact.state === "offered" ? "waiter rings" : "waiter";
}

function ringing(contact: Contact): HTMLElement | false {
  return contact.state === "offered" && h("span", { class: "state is-ready tiny" }, icon("phone-incoming", "icon icon-small"), t("Ringing"));
}

function menuButton(contact: Contact, openMenu: (contact: Contact, button: HTMLElement) => void): HTMLElement {
  return h(
    "button",
    {
      type: "button",
      class: "btn btn-quiet btn-small btn-icon",
      "data-part": "menu",
      tabindex: -1,
      "aria-haspopup": "menu",
      "aria-label": t("What to do with {name}", { name: whoOf(contact) }),
      onclick: (event: Event) => openMenu(contact, event.currentTarget as HTMLElement),
    },
    icon("dots"),
  );
}

function node(contact: Contact & { queue: string }, openMenu: (contact: Contact, button: HTMLElement) => void): HTMLElement {
  const button = menuButton(contact, openMenu);
  const callback = contact.is_callback && h("span", { class: "state is-away tiny" }, icon("phone-outgoing", "icon icon-small"), t("Callback"));
  return h(
    "li",
    { class: nodeClass(contact) },
    h("span", { class: "timer", "data-since": contact.since }),
    h("span", { class: "clip grow" }, whoOf(contact), h("br"), h("span", { class: "faint tiny" }, contact.queue), " ", callback || "", ringing(contact)),
    button,
  );
}

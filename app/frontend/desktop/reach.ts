/** The truth about ringing, in words, with the way to mend it; and what the agent does now. */
import { byId, h, icon } from "../lib/dom.ts";
import { mark, t } from "../lib/texts.ts";
import type { PhoneStatus } from "./agent-phone.ts";
import type { Me } from "./types.ts";

export interface Mending {
  allow: () => void;
  useHere: () => void;
  tryAgain: () => void;
  available: () => void;
}

interface Saying {
  look: string;
  icon: string;
  words: string;
  mend?: { label: string; act: () => void } | undefined;
}

const MIC: Record<string, string> = {
  blocked: mark("You will not ring: microphone blocked"),
  missing: mark("You will not ring: no microphone found"),
  busy: mark("You will not ring: another program holds the microphone"),
  insecure: mark("You will not ring: this page needs https to use the microphone"),
  unasked: mark("You will not ring yet: the phone is off"),
};

function saying(me: Me, phone: PhoneStatus, online: boolean, mend: Mending): Saying {
  const bad = { look: "is-unreachable", icon: "phone-off" };
  if (!online) return { look: "is-busy", icon: "plug-connected-x", words: t("Connection lost: trying again") };
  if (phone.role === "follower" && phone.mic !== "unasked")
    return {
      look: "is-away",
      icon: "copy",
      words: t("Another tab has the phone"),
      mend: { label: t("Use here"), act: mend.useHere },
    };
  if (phone.mic !== null)
    return {
      ...bad,
      words: t(MIC[phone.mic] ?? ""),
      mend:
        phone.mic === "insecure"
          ? undefined
          : { label: phone.mic === "missing" || phone.mic === "busy" ? t("Try again") : t("Allow"), act: mend.allow },
    };
  if (phone.device === "connecting") return { look: "is-busy", icon: "loader-2", words: t("Connecting the phone") };
  if (phone.device !== "registered")
    return {
      ...bad,
      words: t("You will not ring: the carrier refused this phone"),
      mend: { label: t("Try again"), act: mend.tryAgain },
    };
  if (me.reachability.routing_status === "not_responding")
    return {
      ...bad,
      words: t("You missed a call, so no more ring"),
      mend: { label: t("I am here"), act: mend.available },
    };
  const idle = me.reachability.routing_status === "idle";
  if (me.reachability.reachable && idle)
    return { look: "is-ready", icon: "phone-check", words: t("Phone ready - you will ring") };
  if (!idle && me.presence === "available" && !me.next_presence)
    return { look: "is-ready", icon: "phone-check", words: t("Phone ready") };
  const [why] = me.reachability.why;
  return {
    look: "is-away",
    icon: "phone-off",
    words: why ?? t("Phone ready, but no calls are sent to you"),
    mend: me.presence === "available" ? undefined : { label: t("Available"), act: mend.available },
  };
}

const PRESENCE: Record<Me["presence"], { word: string; look: string; icon: string }> = {
  available: { word: mark("Available"), look: "is-ready", icon: "circle-check-filled" },
  break: { word: mark("On a break"), look: "is-away", icon: "coffee" },
  offline: { word: mark("Off shift"), look: "is-away", icon: "power" },
};
const BUSY: Record<string, { word: string; look: string; icon: string }> = {
  offered: { word: mark("Ringing"), look: "is-ready", icon: "phone-incoming" },
  interacting: { word: mark("In a call"), look: "is-busy", icon: "phone" },
  wrapping: { word: mark("Wrap-up"), look: "is-wrap", icon: "checklist" },
  not_responding: { word: mark("Missed a call"), look: "is-unreachable", icon: "phone-x" },
};
/** A reason of a break as the menu calls it; one that is not offered any more by its short name. */
function reasonName(reason: string): string {
  const item = document.querySelector(`#presence-menu [data-reason="${CSS.escape(reason)}"]`);
  return item?.textContent?.trim() || reason;
}

/** What a presence is called, a break by its reason. */
export function presenceName(presence: Me["presence"], reason: string | null): string {
  return presence === "break" && reason ? reasonName(reason) : t(PRESENCE[presence].word);
}

let drawn = "";

export function drawReach(me: Me, phone: PhoneStatus, online: boolean, mend: Mending): void {
  const { look, icon: picture, words, mend: way } = saying(me, phone, online, mend);
  const fingerprint = JSON.stringify([look, words, way?.label]);
  if (fingerprint !== drawn) {
    drawn = fingerprint;
    const short = words.replace(/^You will not ring: /, (start) => start);
    byId("reach").replaceChildren(
      h("span", { class: `state ${look}`, title: words }, icon(picture), h("span", { class: "clip" }, short)),
      way ? h("button", { type: "button", class: "btn btn-small", onclick: way.act }, way.label) : "",
    );
  }
  drawPresence(me);
}

let drawnPresence = "";

function drawPresence(me: Me): void {
  const fingerprint = JSON.stringify([me.presence, me.reason, me.next_presence, me.set_by, me.reachability.routing_status]);
  if (fingerprint === drawnPresence) return;
  drawnPresence = fingerprint;
  const button = byId("presence");
  const {
    word,
    look,
    icon: picture,
  } = (me.presence === "available" && BUSY[me.reachability.routing_status]) || PRESENCE[me.presence];
  const reason = me.presence === "break" && me.reason ? reasonName(me.reason) : t(word);
  const next =
    me.next_presence && me.next_presence !== me.presence
      ? h("span", { class: "faint" }, t("then {what}", { what: t(PRESENCE[me.next_presence].word) }))
      : null;
  button.replaceChildren(
    h("span", { class: `state ${look}` }, icon(picture), reason),
    next ?? "",
    me.set_by ? h("span", { class: "faint wide-only" }, t("set by {who}", { who: me.set_by })) : "",
    icon("chevron-down", "icon icon-small"),
  );
  for (const item of document.querySelectorAll<HTMLElement>("[data-presence]")) {
    const same =
      item.dataset["presence"] === me.presence && (me.presence !== "break" || item.dataset["reason"] === me.reason);
    item.setAttribute("aria-checked", String(same));
  }
}

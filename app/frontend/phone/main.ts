/** The caller's phone: a telephone in the browser, for the local carrier only. */
import { byId, h, icon, isTyping, pageData, setText, show } from "../lib/dom.ts";
import { phoneNumber, toE164 } from "../lib/format.ts";
import { call as request } from "../lib/http.ts";
import { mark, t } from "../lib/texts.ts";
import { toast } from "../lib/toast.ts";
import { unlockAudio } from "../softphone/audio/call-audio.ts";
import type { CallNews, DeviceState } from "../softphone/device.ts";
import { LocalDevice } from "../softphone/local.ts";
import type { PhoneEvent } from "../softphone/phone-socket.ts";
import { Ringer } from "../softphone/ring.ts";
import { Tones } from "../softphone/tones.ts";
import { CallView } from "./call-view.ts";
import { drawKeypad, KEYS } from "../softphone/keypad.ts";
import { TextsStore, type TextMedia } from "./texts-store.ts";
import { TextsView } from "./texts-view.ts";
import { watchTrace } from "./trace.ts";

interface PageData {
  numbers: string[];
  lines: { number: string; label: string }[];
  /** True where the app answers GET /phone/trace. */
  trace?: boolean;
}

interface Assets {
  capture: string;
  playout: string;
  ring: string;
  message: string;
  icon: string;
  ringingIcon: string;
}

const NUMBER_KEY = "throughline.phone-number";
const ENDED_STAYS_MS = 2_200;

const LINE: Record<DeviceState, { word: string; look: string; icon: string }> = {
  registered: { word: mark("Ready"), look: "is-ready", icon: "circle-check" },
  connecting: { word: mark("Connecting"), look: "is-busy", icon: "loader-2" },
  offline: { word: mark("Off"), look: "is-away", icon: "power" },
  failed: { word: mark("Refused"), look: "is-unreachable", icon: "alert-circle" },
};

const { numbers, lines, trace } = pageData<PageData>();
const assets = pageData<Assets>("assets");
const tones = new Tones();
const ringer = new Ringer({ sound: assets.ring, icon: assets.icon, ringingIcon: assets.ringingIcon });
const chime = new Audio(assets.message);
const to = byId<HTMLInputElement>("to");
const handset = byId("handset");
const callView = new CallView(labelOf);

let own = sessionStorage.getItem(NUMBER_KEY) ?? numbers[0] ?? "";
let texts = new TextsStore(own);
let backToPad: ReturnType<typeof setTimeout> | undefined;
let device: LocalDevice = switchOn(own);
const textsView = new TextsView(lines, texts, sendText);

function labelOf(number: string): string | null {
  return lines.find((line) => line.number === number)?.label ?? null;
}

// -- the line to the carrier

function switchOn(number: string): LocalDevice {
  const phone = new LocalDevice({
    fetchLine: () => request("GET", `/phone/token?number=${encodeURIComponent(number)}`),
    worklets: { capture: assets.capture, playout: assets.playout },
  });
  phone.onState((state) => drawLine(state, phone.problem));
  phone.onCall(callMoved);
  phone.onLevel((level) => callView.level(level));
  phone.socket.onEvent.on(textNews);
  drawLine("connecting", null);
  phone.register().catch(() => {}); // the line's state says what is wrong
  return phone;
}

function drawLine(state: DeviceState, problem: string | null): void {
  const { word, look, icon: picture } = LINE[state];
  const badge = byId("line-state");
  badge.className = `state ${look}`;
  badge.replaceChildren(icon(picture), t(word));
  badge.title = problem ?? "";
  setText(byId("own-number"), phoneNumber(own));
  byId<HTMLButtonElement>("dial").disabled = state !== "registered";
}

// -- who am I

function drawNumbers(): void {
  const offered = numbers.includes(own) ? numbers : [...numbers, own];
  byId("numbers-list").replaceChildren(
    ...offered.map((number) =>
      h(
        "button",
        {
          type: "button",
          class: "menu-item num",
          role: "menuitemradio",
          "aria-checked": String(number === own),
          onclick: () => become(number),
        },
        phoneNumber(number),
      ),
    ),
  );
}

function become(number: string): void {
  byId("numbers-menu").hidePopover();
  if (number === own) return;
  if (device.call) return toast(t("Hang up first: a phone keeps its number during a call."), { error: true });
  device.destroy();
  own = number;
  sessionStorage.setItem(NUMBER_KEY, number);
  texts = new TextsStore(number);
  device = switchOn(number);
  textsView.use(texts);
  watched?.startAnew();
  drawNumbers();
}

byId("number-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = byId<HTMLInputElement>("number-own");
  const number = toE164(field.value);
  show(byId("number-error"), number === null);
  if (number === null) return;
  field.value = "";
  become(number);
});

// -- views

function see(view: "dial" | "call" | "texts"): void {
  handset.dataset["view"] = view;
  for (const name of ["dial", "call", "texts"]) show(byId(`view-${name}`), name === view);
  show(byId("tabs"), view !== "call");
  for (const tab of handset.querySelectorAll<HTMLElement>("[data-tab]")) {
    if (tab.dataset["tab"] === view) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
  }
  if (view === "texts") textsView.seen();
}

byId("tabs").addEventListener("click", (event) => {
  const tab = (event.target as Element).closest<HTMLElement>("[data-tab]")?.dataset["tab"];
  if (tab === "dial" || tab === "texts") see(tab);
});

// -- dialling

function typed(): void {
  const number = toE164(to.value);
  setText(byId("to-label"), (number && labelOf(number)) ?? "");
  byId("erase").classList.toggle("is-idle", to.value === "");
}

function insert(text: string): void {
  const [start, end] = [to.selectionStart ?? to.value.length, to.selectionEnd ?? to.value.length];
  to.setRangeText(text, start, end, "end");
  typed();
}

function erase(): void {
  const at = to.selectionStart ?? to.value.length;
  if (to.selectionEnd !== at) to.setRangeText("");
  else if (at > 0) to.setRangeText("", at - 1, at, "end");
  typed();
}

async function dial(): Promise<void> {
  const number = toE164(to.value);
  if (number === null) {
    to.focus();
    return toast(t("A number starts with + and its country, then 6 to 14 digits."), { error: true });
  }
  if (device.state !== "registered" || device.call) return;
  await device.connect({ To: number }).catch((error: Error) => toast(error.message, { error: true }));
}

// -- a call's life

function callMoved(news: CallNews): void {
  const { call, state, end } = news;
  clearTimeout(backToPad);
  callView.draw(news);
  if (state === "incoming")
    void ringer.start({
      title: t("{who} is calling", { who: labelOf(call.from) ?? phoneNumber(call.from) }),
      body: t("Answer on the phone page."),
    });
  else ringer.stop();
  if (state === "ringing") tones.ringback();
  else tones.quiet();
  if (end === "busy") tones.engaged();
  if (state === "ended") return callOver(call.openedAt !== null);
  see("call");
}

function callOver(talked: boolean): void {
  callView.level(0);
  showKeys(false);
  backToPad = setTimeout(
    () => handset.dataset["view"] === "call" && see("dial"),
    talked ? ENDED_STAYS_MS : ENDED_STAYS_MS * 1.5,
  );
}

function showKeys(visible: boolean): void {
  show(byId("call-pad"), visible);
  byId("keys").setAttribute("aria-pressed", String(visible));
}

byId("dial").addEventListener("click", () => void dial());
byId("erase").addEventListener("click", erase);
byId("answer").addEventListener("click", () => void device.call?.accept());
byId("decline").addEventListener("click", () => device.call?.reject());
byId("hangup").addEventListener("click", () => device.call?.hangup());
byId("mute").addEventListener("click", () => device.call?.mute(!device.call.muted));
byId("keys").addEventListener("click", () => showKeys(Boolean(byId("call-pad").hidden)));
to.addEventListener("input", typed);

const padKey = drawKeypad(byId("pad"), tones, {
  press: insert,
  plus: () => {
    erase();
    insert("+");
  },
});
const callKey = drawKeypad(byId("call-pad"), tones, { press: (key) => device.call?.sendDigits(key) });

// -- the whole page is the phone's keyboard

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || (event.target as Element).closest?.(".menu")) return;
  const inCall = device.call?.state === "open";
  if (
    KEYS.includes(event.key) &&
    !event.repeat &&
    (inCall ? handset.dataset["view"] === "call" : handset.dataset["view"] === "dial")
  ) {
    if (inCall) callKey(event.key, true);
    else if (!isTyping()) padKey(event.key, true);
    else tones.press(event.key);
  } else if (event.key === "Enter" && (event.target === to || event.target === document.body)) {
    if (device.call?.state === "incoming") void device.call.accept();
    else if (handset.dataset["view"] === "dial") void dial();
  } else if (event.key === "Backspace" && !isTyping() && handset.dataset["view"] === "dial") erase();
  else if (event.key === "Escape" && device.call?.state === "incoming") device.call.reject();
});
addEventListener("keyup", (event) => {
  if (!KEYS.includes(event.key)) return;
  callKey(event.key, false);
  padKey(event.key, false);
});

// -- texts

function sendText(peer: string, body: string): void {
  const id = crypto.randomUUID();
  texts.add(peer, {
    id,
    sid: null,
    direction: "out",
    body,
    at: Date.now(),
    status: "sending",
    errorCode: null,
    media: [],
  });
  if (!device.socket.send({ event: "message", to: peer, body, media: [] })) texts.failUnsent(id);
  textsView.draw();
}

function textNews(event: PhoneEvent): void {
  if (event.event === "message") textArrived(event);
  if (event.event !== "message-status") return;
  texts.status(
    String(event["sid"]),
    String(event["status"]),
    typeof event["errorCode"] === "number" ? event["errorCode"] : null,
  );
  textsView.draw();
}

function textArrived(event: PhoneEvent): void {
  const [sid, from] = [String(event["sid"] ?? ""), String(event["from"] ?? "")];
  if (texts.has(sid)) return;
  const media = (event["media"] ?? []) as TextMedia[];
  texts.add(from, {
    id: crypto.randomUUID(),
    sid,
    direction: "in",
    body: String(event["body"] ?? ""),
    at: Date.now(),
    status: "received",
    errorCode: null,
    media,
  });
  textsView.arrived(from, handset.dataset["view"] === "texts");
  void chime.play().catch(() => {});
}

to.value = phoneNumber(lines[0]?.number ?? "");
typed();
drawNumbers();
textsView.draw();
const watched = trace ? watchTrace(() => device.token()) : null;
addEventListener("pointerdown", () => void unlockAudio({ capture: assets.capture, playout: assets.playout }), {
  once: true,
});

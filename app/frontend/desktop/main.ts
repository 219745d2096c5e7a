/** The agent desktop: draws the server's state, holds the phone, and sends back what the agent decides. */
import { byId, isTyping, pageData } from "../lib/dom.ts";
import { phoneNumber } from "../lib/format.ts";
import { call as request, csrfToken, Refusal } from "../lib/http.ts";
import { t } from "../lib/texts.ts";
import { toast } from "../lib/toast.ts";
import { drawKeypad } from "../softphone/keypad.ts";
import { Ringer } from "../softphone/ring.ts";
import { Tones } from "../softphone/tones.ts";
import { AgentPhone, problemOf, type PhoneAssets } from "./agent-phone.ts";
import { CallBar } from "./call-bar.ts";
import { listenForChords } from "./chords.ts";
import { setServerTime, startClock } from "./clock.ts";
import { Composer } from "./composer.ts";
import { ConsultBar } from "./consult-bar.ts";
import { Drafts } from "./drafts.ts";
import { Live } from "./live.ts";
import { LiveCall } from "./live-call.ts";
import { drawReach, presenceName } from "./reach.ts";
import { RecordDialog } from "./record-dialog.ts";
import { CustomerRecord, drawEmptiness } from "./record.ts";
import { RingCard } from "./ring-card.ts";
import { searchBox } from "./search.ts";
import { soundDialog } from "./sound-dialog.ts";
import { TransferDialog, type TransferChoice } from "./transfer-dialog.ts";
import { isCall, type Call, type DesktopState, type LiveEvent, type Me, type Reachability } from "./types.ts";
import { WorkList } from "./work-list.ts";
import { WrapUp } from "./wrap-up.ts";

const HEARTBEAT_MS = 15_000;
const START_MS = 4_000;
const GATHER_MS = 40;
const SHIFT_KEY = "throughline.shift";

const page = pageData<{ state: DesktopState; customer_id: string | null }>();
const assets = pageData<PhoneAssets & { ring: string; icon: string; ringingIcon: string }>("assets");
const sessionId = crypto.randomUUID(); // of this loading of the page: a copied tab must not share it

let state = page.state;
let online = true;
let answering: number | null = null;
let silenced: number | null = null;
let busy = false;
let ringingFor: string | null = null;
let lastCall: { id: string; state: Call["state"] } | null = null;

const phone = new AgentPhone(assets);
const ringer = new Ringer({ sound: assets.ring, icon: assets.icon, ringingIcon: assets.ringingIcon });
const tones = new Tones();
const live = new Live(state.last_event_id);
const record = new CustomerRecord();
const liveCall = new LiveCall();
const drafts = new Drafts();
const wrapUp = new WrapUp(drafts, () => void refresh());
const composer = new Composer({
  drafts,
  finishWrapUp: () => void wrapUp.finish(),
  sent: () => void record.refresh().then(() => record.toEnd()),
});
const workList = new WorkList(openRecord, (id) => void actOnCall(id, "unpark"));
const ringCard = new RingCard({ answer, decline: () => void decline() });
const callBar = new CallBar({
  mute: () => void mute(),
  hold: () => void hold(),
  hangup: () => void hangup(),
  transfer: openTransfer,
  park: () => void park(),
  help: () => void help(),
  back: backToCall,
});
const consultBar = new ConsultBar({
  handOver: () => void handOver(),
  together: () => void together(),
  backOut: () => void backOut(),
  supervise: (mode) => void supervise(mode),
});
const transferDialog = new TransferDialog(handOn);
const search = searchBox(openRecord);

// -- drawing

function draw(): void {
  const { call, offer, me } = state;
  const inCall = call !== null && call.state !== "wrapping";
  const elsewhere = call !== null && record.customerId !== null && record.customerId !== call.customer.id;
  const shownOffer = offer && silenced !== offer.id ? offer : null;
  ringCard.draw(shownOffer, answering !== null && answering === offer?.id);
  callBar.draw(call, { muted: phone.status.call?.muted ?? call?.muted ?? false, elsewhere, busy });
  consultBar.draw(call, state.supervising ?? null, busy);
  if (!mayTransfer()) transferDialog.close();
  liveCall.draw(call, !elsewhere);
  wrapUp.draw(call, state.dispositions);
  workList.draw(state, record.customerId);
  drawReach(me, phone.status, online, {
    allow: () => void startShift(),
    useHere: () => phone.useHere(),
    tryAgain: () => void phone.tryAgain(),
    available: () => void setPresence("available"),
  });
  drawEmptiness({
    record: record.customerId !== null,
    started: me.presence !== "offline" && phone.status.mic !== "unasked",
    inCall,
  });
  composer.setInteraction(call && call.customer.id === record.customerId ? call.interaction_id : null);
  composer.offerWrapUp(call !== null && !elsewhere, call?.state === "wrapping" && lastCall?.state !== "wrapping");
  ring(shownOffer !== null && !shownOffer.calling);
  followTheCall(call);
  followTopics();
}

/** The record of a call that begins comes up by itself, unless someone is writing to somebody else. */
function followTheCall(call: Call | null): void {
  const began = call !== null && call.interaction_id !== lastCall?.id;
  lastCall = call && { id: call.interaction_id, state: call.state };
  if (began && call.customer.id !== record.customerId) openRecord(call.customer.id);
  else if (
    state.offer &&
    record.customerId !== state.offer.customer.id &&
    !isTyping() &&
    call === null &&
    ringingFor !== state.offer.interaction_id
  )
    openRecord(state.offer.customer.id);
  ringingFor = state.offer?.interaction_id ?? null;
}

function followTopics(): void {
  const topics = [`user:${state.me.id}`];
  if (record.customerId) topics.push(`customer:${record.customerId}`);
  for (const interaction of [state.call?.interaction_id, state.offer?.interaction_id])
    if (interaction) topics.push(`interaction:${interaction}`);
  live.follow(topics);
}

let sounding = false;

/** Only the tab that holds the phone makes itself heard. */
function ring(wanted: boolean): void {
  const sound = wanted && answering === null && phone.status.role === "leader";
  if (sound === sounding) return;
  sounding = sound;
  if (!sound || !state.offer) return ringer.stop();
  const { customer, why, queue } = state.offer;
  const who = customer.name ?? (customer.number ? phoneNumber(customer.number) : t("Number withheld"));
  void ringer
    .start({ title: isCall(state.offer) ? t("{who} is calling", { who }) : t("{who} has written", { who }), body: [why, queue].filter(Boolean).join(" · ") })
    .then((heard) => {
      if (!heard) toast(t("Click anywhere on this page, then you can hear it ring."), { error: true });
    });
}

// -- the state of the server

let wanted: ReturnType<typeof setTimeout> | undefined;
let asking: Promise<void> | null = null;
let askAgain = false;

/** Asks for the whole state; many calls at once become one question, and one more for what came meanwhile. */
function refresh(): Promise<void> {
  if (asking) {
    askAgain = true;
    return asking;
  }
  asking = request<DesktopState>("GET", "/desktop/state")
    .then((fresh) => {
      state = fresh;
      setServerTime(fresh.server_time);
      if (!state.offer || state.offer.id !== answering) answering = null;
      draw();
    })
    .catch((error: unknown) => {
      if (error instanceof Refusal && error.status === 401) location.reload();
    })
    .finally(() => {
      asking = null;
      if (!askAgain) return;
      askAgain = false;
      void refresh();
    });
  return asking;
}

function refreshSoon(): void {
  clearTimeout(wanted);
  wanted = setTimeout(() => void refresh(), GATHER_MS);
}

const RECORD_KINDS =
  /^(interaction\.(opened|moved)|recording\.|transcript\.ready|message\.|note\.|wrap_up\.|consent\.|customer\.)/;
const STATE_KINDS =
  /^(offer\.|interaction\.|presence\.|phone\.|call\.|transfer\.|supervisor\.|flow\.|wrap_up\.|message\.received|customer\.)/;
let recordWanted: ReturnType<typeof setTimeout> | undefined;

function hear(event: LiveEvent): void {
  if (event.kind.startsWith("transcript.") && event.kind !== "transcript.ready") liveCall.hear(event);
  if (event.kind === "offer.made" || event.kind === "offer.rings") return offered(event);
  if (event.kind === "supervisor.presence_set") tellWhoSet(event);
  if (STATE_KINDS.test(event.kind)) refreshSoon();
  if (!RECORD_KINDS.test(event.kind) || event.customer_id !== record.customerId) return;
  clearTimeout(recordWanted);
  recordWanted = setTimeout(() => void record.refresh(), GATHER_MS);
}

/** Nobody finds themselves on a break without knowing who sent them. */
function tellWhoSet({ data }: LiveEvent): void {
  const { user_id, by, presence, reason, later } = data as {
    user_id: number;
    by: string;
    presence: Me["presence"];
    reason: string | null;
    later: boolean;
  };
  if (user_id !== state.me.id) return;
  const words = { who: by, what: presenceName(presence, reason) };
  toast(later ? t("{who} set your state: {what}, when this work ends", words) : t("{who} set your state: {what}", words));
}

/** Every moment of a ring counts: card and record are fetched at once, side by side. */
function offered({ customer_id }: LiveEvent): void {
  void refresh();
  if (customer_id && !state.call && !isTyping() && record.customerId !== customer_id) openRecord(customer_id);
}

live.onEvent.on(hear);
live.onLine.on((up) => {
  // The page came with its state, and the line tells what happened since: only after a break is there a gap to fill.
  if (up && !online) void refresh();
  online = up;
  draw();
});

// -- records

function openRecord(customerId: string): void {
  history.replaceState(null, "", `/desktop?customer=${customerId}`);
  composer.turnTo(customerId);
  void record.open(customerId).then(() => {
    readPoints();
    draw();
  });
  draw();
  showPart("centre");
}

function readPoints(): void {
  const points = [...byId("person").querySelectorAll<HTMLElement>("[data-call]")];
  composer.setPoints(
    points.map((point) => ({
      value: point.dataset["call"] ?? "",
      optedOut: point.closest("li")?.querySelector(".state-pill") !== null,
    })),
  );
}

record.onCall.on(({ customerId, number }) => void dialOut(customerId, number));
const recordDialog = new RecordDialog(() => record.refresh());
record.onDialog.on((path) => void recordDialog.open(path));
record.onDrawn.on(() =>
  liveCall.hideTwin(state.call && state.call.state !== "wrapping" ? state.call.interaction_id : null),
);
new MutationObserver(readPoints).observe(byId("person"), { childList: true });

function backToCall(): void {
  if (state.call) openRecord(state.call.customer.id);
}

// -- what the agent does

/** Sends a command and takes what stands from the answer; a conflict is told and the truth redrawn. */
async function act(path: string, body: unknown): Promise<boolean> {
  busy = true;
  draw();
  try {
    const reply = await request<{ call?: Call | null } | null>("POST", path, body);
    if (reply?.call) state = { ...state, call: reply.call };
    else if (reply?.call === null) refreshSoon(); // the call is somebody else's now
    return true;
  } catch (error) {
    toast((error as Error).message, { error: true });
    void refresh();
    return false;
  } finally {
    busy = false;
    draw();
  }
}

function answer(): void {
  if (!state.offer || state.offer.calling || answering === state.offer.id) return;
  answering = state.offer.id;
  const { customer, id } = state.offer;
  if (!isCall(state.offer)) void act(`/desktop/offers/${id}/accept`, {}).then(refreshSoon);
  else phone.answer();
  draw();
  if (record.customerId !== customer.id) openRecord(customer.id);
}

async function decline(): Promise<void> {
  const { offer } = state;
  if (!offer) return;
  silenced = offer.id;
  draw();
  if (!(await act(`/desktop/offers/${offer.id}/decline`, {}))) phone.reject();
  refreshSoon();
}

async function mute(): Promise<void> {
  const { call } = state;
  if (!call || call.state === "wrapping") return;
  const muted = !(phone.status.call?.muted ?? call.muted);
  phone.mute(muted); // at once: a cough does not wait for the server
  if (call.role === "consult") return draw();
  if (!(await act(`/desktop/calls/${call.interaction_id}/mute`, { mute: muted }))) phone.mute(!muted);
}

async function hold(): Promise<void> {
  const { call } = state;
  if (call?.state === "active" || call?.state === "held")
    await act(`/desktop/calls/${call.interaction_id}/hold`, { hold: call.state === "active" });
}

async function hangup(): Promise<void> {
  const { call } = state;
  if (!call || call.state === "wrapping") return;
  // When the server can't be told, the agent still gets out of the line.
  if (!(await act(`/desktop/calls/${call.interaction_id}/hangup`, {}))) phone.hangup();
}

// -- handing on

/** The own call while somebody talks in it. */
function ownTalk(): Call | null {
  const { call } = state;
  return call && call.role !== "consult" && (call.state === "active" || call.state === "held") ? call : null;
}

function mayTransfer(): boolean {
  const call = ownTalk();
  return call !== null && !call.consult;
}

function openTransfer(): void {
  if (mayTransfer()) transferDialog.open();
}

function actOnCall(id: string, what: string, body: unknown = {}): Promise<boolean> {
  return act(`/desktop/calls/${id}/${what}`, body);
}

/** Null when it is done, else why not: the dialog stays open and says so. */
async function handOn({ to, how, note }: TransferChoice): Promise<string | null> {
  const call = ownTalk();
  if (!call) return t("This call is over.");
  const path = `/desktop/calls/${call.interaction_id}/${how === "third" ? "third" : "transfer"}`;
  try {
    const reply = await request<{ call: Call | null }>("POST", path, { to, warm: how === "warm", ...(note ? { note } : {}) });
    if (reply.call) state = { ...state, call: reply.call };
    draw();
    refreshSoon();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

async function handOver(): Promise<void> {
  const call = ownTalk();
  if (call?.consult && call.consult.state !== "ringing") await actOnCall(call.interaction_id, "consult/finish");
}

async function together(): Promise<void> {
  const call = ownTalk();
  if (call?.consult?.state === "talking") await actOnCall(call.interaction_id, "third");
}

async function backOut(): Promise<void> {
  const { call } = state;
  if (call?.consult) await actOnCall(call.interaction_id, "consult/back_out");
}

async function park(): Promise<void> {
  if (mayTransfer() && state.call) await actOnCall(state.call.interaction_id, "park");
}

async function help(): Promise<void> {
  const call = ownTalk();
  if (call) await actOnCall(call.interaction_id, "help", { help: !call.help });
}

async function supervise(mode: string): Promise<void> {
  const there = state.supervising;
  if (there && (await act(`/supervisor/calls/${there.interaction_id}/join`, { mode }))) refreshSoon();
}

async function dialOut(customerId: string, number: string): Promise<void> {
  if (state.call) return toast(t("Finish the call you are in first."), { error: true });
  if (await act("/desktop/calls", { customer_id: customerId, number })) await refresh();
}

async function setPresence(presence: Me["presence"], reason?: string): Promise<void> {
  try {
    const reply = await request<{
      presence: Me["presence"];
      next_presence: Me["next_presence"];
      reachability: Reachability;
    }>("POST", "/desktop/presence", { presence, ...(reason ? { reason } : {}) });
    state = { ...state, me: { ...state.me, ...reply, reason: reason ?? null } };
  } catch (error) {
    toast((error as Error).message, { error: true });
  }
  draw();
  void refresh();
}

async function startShift(): Promise<void> {
  sessionStorage.setItem(SHIFT_KEY, "1");
  if (typeof Notification !== "undefined" && Notification.permission === "default")
    void Notification.requestPermission();
  await phone.allowSound();
  await beat();
  if (state.me.presence === "offline" && phone.status.mic === null) await setPresence("available");
}

byId("start-shift").addEventListener("click", () => void startShift());
byId("presence-menu").addEventListener("click", (event) => {
  const item = (event.target as Element).closest<HTMLElement>("[data-presence]");
  if (!item) return;
  byId("presence-menu").hidePopover();
  const presence = item.dataset["presence"] as Me["presence"];
  if (presence === "available" && phone.status.mic !== null) void startShift();
  void setPresence(presence, item.dataset["reason"]);
});
drawKeypad(byId("call-pad"), tones, {
  press: (key) => {
    if (state.call)
      void request("POST", `/desktop/calls/${state.call.interaction_id}/digits`, { digits: key }).catch(
        (error: Error) => toast(error.message, { error: true }),
      );
  },
});
byId("keypad-menu").addEventListener("keydown", (event) => {
  const key = byId("call-pad").querySelector<HTMLElement>(`[data-key="${CSS.escape(event.key)}"]`);
  if (!key || event.repeat) return;
  key.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
  addEventListener("keyup", () => dispatchEvent(new PointerEvent("pointerup")), { once: true });
});
listenForChords({
  answer,
  decline: () => void decline(),
  mute: () => void mute(),
  hold: () => void hold(),
  hangup: () => void hangup(),
  transfer: openTransfer,
  handOver: () => void handOver(),
  together: () => void together(),
  backOut: () => void backOut(),
  park: () => void park(),
  help: () => void help(),
  back: backToCall,
  presence: () => byId("presence").click(),
  search: search.focus,
});

// -- narrow windows show one part at a time

function showPart(part: string): void {
  byId("main").dataset["show"] = part;
  for (const tab of document.querySelectorAll<HTMLElement>("[data-part-show]")) {
    if (tab.dataset["partShow"] === part) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
  }
}

document.querySelector(".desk-tabs")?.addEventListener("click", (event) => {
  const part = (event.target as Element).closest<HTMLElement>("[data-part-show]")?.dataset["partShow"];
  if (part) showPart(part);
});

// -- the phone, and telling the server about it

let onTheLine = false;
phone.onStatus.on((status) => {
  if (onTheLine && status.call === null) byId("keypad-menu").hidePopover(); // not at every news of a phone that connects
  onTheLine = status.call !== null;
  draw();
  beatSoon();
  if (status.call?.state === "incoming" && !state.offer) refreshSoon();
});
phone.onLevel.on((level) => liveCall.level(level));

let beatTimer: ReturnType<typeof setTimeout> | undefined;
let lastBeat = "";
let up = false;

function beatSoon(): void {
  if (!up) return;
  const word = JSON.stringify([problemOf(phone.status)]);
  if (word === lastBeat) return;
  lastBeat = word;
  void beat();
}

async function beat(): Promise<void> {
  clearTimeout(beatTimer);
  beatTimer = setTimeout(() => void beat(), HEARTBEAT_MS);
  const problem = problemOf(phone.status);
  const body = { session_id: sessionId, phone_ready: problem === null, ...(problem ? { problem } : {}) };
  const reply = await request<{ reachability: Reachability }>("POST", "/desktop/heartbeat", body).catch(() => null);
  if (!reply) return;
  state = { ...state, me: { ...state.me, reachability: reply.reachability } };
  draw();
}

addEventListener("pagehide", () => {
  const form = new FormData();
  form.set("csrf_token", csrfToken());
  navigator.sendBeacon(`/desktop/sessions/${sessionId}/close`, form);
  phone.close();
});
addEventListener("pageshow", (event) => event.persisted && location.reload()); // a page out of the back-cache has no phone

soundDialog(ringer, phone);
startClock();
setServerTime(state.server_time);
if (page.customer_id) openRecord(page.customer_id);
else draw();
// On the way up every step would be told; the first word waits until the phone rings or shows that it does not come up.
void Promise.race([phone.start(), new Promise((resolve) => setTimeout(resolve, START_MS))]).then(() => {
  up = true;
  void beat();
});

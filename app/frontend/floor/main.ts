/** The supervisor's floor: what stands now, and what a supervisor does about it. */
import { byId, h, pageData } from "../lib/dom.ts";
import { call } from "../lib/http.ts";
import { t } from "../lib/texts.ts";
import { toast } from "../lib/toast.ts";
import { AgentTable, whoOf } from "./agents.ts";
import { ask, choice } from "./ask.ts";
import { drawFigures } from "./figures.ts";
import { openMenu, type Part } from "./menu.ts";
import { QueueTable } from "./queues.ts";
import { Side } from "./side.ts";
import { nameReasons } from "./states.ts";
import type { Agent, Alert, Contact, Floor } from "./types.ts";
import { Watch } from "./watch.ts";

interface PageData {
  floor: Floor;
  me: { id: number; admin: boolean };
  reasons: { key: string; name: string }[];
}

const page = pageData<PageData>();
let floor = page.floor;
nameReasons(page.reasons);

const agents = new AgentTable(agentMenu);
const queues = new QueueTable(page.me.admin);
const side = new Side((alert) => void see(alert), waiterMenu, parkedMenu);
const watch = new Watch(floor, draw);

function draw(fresh: Floor): void {
  floor = fresh;
  drawFigures(floor);
  queues.draw(floor);
  agents.draw(floor);
  side.draw(floor);
}

// -- what can be done with an agent

function agentMenu(agent: Agent, button: HTMLElement): void {
  openMenu(byId("row-menu"), button, t("What to do with {name}", { name: agent.name }), [
    ...agent.work.flatMap((contact) => contactParts(contact, agent)),
    { title: t("Set their state") },
    { label: t("Available"), icon: "circle-check", act: () => void setPresence(agent, "available") },
    ...page.reasons.map((reason) => ({
      label: t("On a break: {reason}", { reason: reason.name }),
      icon: "coffee",
      act: () => void setPresence(agent, "break", reason.key),
    })),
    { label: t("Off shift"), icon: "power", act: () => void setPresence(agent, "offline") },
  ]);
}

function contactParts(contact: Contact, agent: Agent): Part[] {
  const who = whoOf(contact);
  const parts: Part[] = [{ title: who }];
  if (contact.asked) return parts;
  const talks = contact.channel === "voice" && (contact.state === "active" || contact.state === "held");
  const inside = contact.supervisors?.find((each) => each.id === page.me.id);
  if (inside) parts.push({ label: t("Leave the call"), icon: "door-exit", act: () => void act(`/supervisor/calls/${contact.interaction_id}/join`, { mode: "leave" }) });
  if (talks && agent.id !== page.me.id)
    parts.push(
      { label: t("Listen"), icon: "ear", act: () => void join(contact, "listen") },
      { label: t("Coach {name}", { name: agent.name }), icon: "message-2", act: () => void join(contact, "coach") },
      { label: t("Join the call"), icon: "users-plus", act: () => void join(contact, "barge") },
      { label: t("Take the call over"), icon: "phone-incoming", act: () => void takeOver(contact, agent) },
    );
  if (contact.state === "wrapping")
    parts.push({ label: t("End the wrap-up"), icon: "checks", act: () => void complete(contact, agent) });
  if (talks && contact.direction === "inbound")
    parts.push({ label: t("Send back to a queue"), icon: "arrow-back-up", act: () => void requeue(contact) });
  if (contact.state === "offered") parts.push(...waiterParts(contact));
  else if (contact.queue_id) parts.push(why(contact));
  return parts;
}

// -- what can be done with somebody who waits

function waiterMenu(contact: Contact, button: HTMLElement): void {
  openMenu(byId("row-menu"), button, t("What to do with {name}", { name: whoOf(contact) }), waiterParts(contact));
}

function parkedMenu(contact: Contact, button: HTMLElement): void {
  openMenu(byId("row-menu"), button, t("What to do with {name}", { name: whoOf(contact) }), [
    { label: t("Take it up myself"), icon: "phone-incoming", act: () => void unpark(contact) },
    { label: t("Give to an agent"), icon: "user-share", act: () => void give(contact) },
    { label: t("Move to a queue"), icon: "arrow-back-up", act: () => void requeue(contact) },
  ]);
}

function waiterParts(contact: Contact): Part[] {
  return [
    { label: t("Take it myself"), icon: "hand-grab", act: () => void pull(contact, null) },
    { label: t("Give to an agent"), icon: "user-share", act: () => void give(contact) },
    { label: t("Move to a queue"), icon: "arrow-back-up", act: () => void requeue(contact) },
    why(contact),
  ];
}

function why(contact: Contact): Part {
  return { label: t("Why"), icon: "help-circle", href: `/supervisor/why/${contact.interaction_id}` };
}

// -- doing it

/** Sends a command and asks for what stands then; a refusal is said in the server's words. */
async function act(path: string, body: unknown, done?: string, undo?: () => void): Promise<boolean> {
  try {
    await call("POST", path, body);
    if (done) toast(done, undo ? { undo: { label: t("Undo"), act: undo } } : {});
    return true;
  } catch (error) {
    toast((error as Error).message, { error: true });
    return false;
  } finally {
    watch.soon();
  }
}

async function setPresence(agent: Agent, presence: Agent["presence"], reason: string | null = null): Promise<void> {
  const before = { presence: agent.presence, reason: agent.presence === "break" ? agent.reason : null };
  const undo = (): void => void act(`/supervisor/agents/${agent.id}/presence`, before);
  const done = agent.work.length && presence !== "available" ? t("{name}: as soon as this work ends", { name: agent.name }) : t("{name}: done", { name: agent.name });
  await act(`/supervisor/agents/${agent.id}/presence`, { presence, reason }, done, undo);
}

async function join(contact: Contact, mode: string): Promise<void> {
  const inside = contact.supervisors?.some((each) => each.id === page.me.id);
  await act(`/supervisor/calls/${contact.interaction_id}/join`, { mode }, inside ? t("Done.") : t("Your desktop's phone takes you into the call."));
}

async function takeOver(contact: Contact, agent: Agent): Promise<void> {
  const sure = await ask({
    title: t("Take the call over?"),
    body: [h("p", {}, t("{name} leaves the call, and {customer} talks to you.", { name: agent.name, customer: whoOf(contact) }))],
    confirm: t("Take over"),
  });
  if (sure) await join(contact, "take_over");
}

async function complete(contact: Contact, agent: Agent): Promise<void> {
  const sure = await ask({
    title: t("End the wrap-up?"),
    body: [h("p", {}, t("{name} is free at once. They can still write the outcome later.", { name: agent.name }))],
    confirm: t("End the wrap-up"),
  });
  if (sure) await act(`/supervisor/interactions/${contact.interaction_id}/complete`, { agent_id: agent.id }, t("{name}: done", { name: agent.name }));
}

async function requeue(contact: Contact): Promise<void> {
  const { field, select } = choice(
    t("Queue"),
    floor.queues.map((queue) => ({ value: queue.id, label: queue.name })),
    contact.queue_id,
  );
  const talks = contact.state === "active" || contact.state === "held";
  const words = talks ? t("The agent's part of the call ends. The caller keeps their place in time.") : t("They keep their place in time.");
  const sure = await ask({ title: t("Which queue for {name}?", { name: whoOf(contact) }), body: [field, h("p", { class: "muted small" }, words)], confirm: t("Move") });
  if (sure) await act(`/supervisor/interactions/${contact.interaction_id}/requeue`, { queue_id: Number(select.value) }, t("Moved."));
}

async function give(contact: Contact): Promise<void> {
  const ready = floor.agents.filter((agent) => agent.status === "ready");
  if (!ready.length) return toast(t("Nobody is ready now."), { error: true });
  const { field, select } = choice(
    t("Agent"),
    ready.map((agent) => ({ value: agent.id, label: agent.name })),
    null,
  );
  const sure = await ask({ title: t("Who takes {name}?", { name: whoOf(contact) }), body: [field], confirm: t("Ring") });
  if (sure) await pull(contact, Number(select.value));
}

async function pull(contact: Contact, agent: number | null): Promise<void> {
  const body = agent === null ? {} : { agent_id: agent };
  await act(`/supervisor/interactions/${contact.interaction_id}/pull`, body, agent === null ? t("Your phone rings: answer it on the desktop.") : t("It rings."));
}

async function unpark(contact: Contact): Promise<void> {
  await act(`/desktop/calls/${contact.interaction_id}/unpark`, {}, t("Your desktop's phone takes you into the call."));
}

async function see(alert: Alert): Promise<void> {
  await act(`/supervisor/alerts/${alert.id}/see`, {});
}

// -- the way from a number to what is behind it, and the keys

byId("figures").addEventListener("click", (event) => {
  const figure = (event.target as Element).closest<HTMLElement>("[data-goto]");
  if (!figure) return;
  if (figure.dataset["state"]) agents.only(figure.dataset["state"]);
  const place = byId(figure.dataset["goto"] ?? "");
  place.scrollIntoView({ block: "start" });
  place.focus({ preventScroll: true });
});
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    byId("agent-search").focus();
  }
});

/** The agents as rows: found by name, state and queue, in groups by state or in the order of a column. */
import { channelIcon } from "../lib/channels.ts";
import { byId, h, icon } from "../lib/dom.ts";
import { phoneNumber } from "../lib/format.ts";
import { t } from "../lib/texts.ts";
import { Rows, rove } from "./rows.ts";
import { addition, ORDER, stateMark, STATES, wordOf } from "./states.ts";
import type { Agent, Contact, Floor } from "./types.ts";

interface Group {
  group: string;
  count: number;
}
type Line = Agent | Group;

const WIDE_COLUMNS = 6;
const NARROW_COLUMNS = 4;

const MODES: Record<string, string> = { listen: "ear", coach: "message-2", barge: "users-plus", take_over: "phone-incoming" };

export function whoOf(contact: Contact): string {
  return contact.customer ?? (contact.number.startsWith("+") ? phoneNumber(contact.number) : t("Number withheld"));
}

export class AgentTable {
  private readonly rows: Rows<Line>;
  private floor: Floor | null = null;
  private view = { q: "", state: "", queue: "", sort: "state" };
  private readonly openMenu: (agent: Agent, button: HTMLElement) => void;

  constructor(openMenu: (agent: Agent, button: HTMLElement) => void) {
    this.openMenu = openMenu;
    this.rows = new Rows<Line>(
      byId("agent-rows"),
      (line) => ("group" in line ? `group-${line.group}` : String(line.id)),
      (line) => ("group" in line ? this.groupRow(line) : this.agentRow(line)),
    );
    rove(byId("agent-rows"));
    this.readAddress();
    this.listen();
  }

  draw(floor: Floor): void {
    this.floor = floor;
    this.drawQueueChoice(floor);
    this.drawStateChoice(floor);
    const shown = this.found(floor.agents);
    this.rows.draw(this.view.sort === "state" ? inGroups(shown) : sorted(shown, this.view.sort));
    byId("agent-none").hidden = shown.length > 0;
    byId("agent-count").textContent = t("{n} of {all}", { n: shown.length, all: floor.agents.length });
    for (const head of document.querySelectorAll<HTMLElement>("#agents [data-sort]"))
      head.setAttribute("aria-sort", head.dataset["sort"] === this.view.sort ? "ascending" : "none");
  }

  /** Show only agents in this state, as the figures above ask for. */
  only(state: string): void {
    this.change({ state });
    byId("agents").scrollIntoView({ block: "start" });
  }

  private found(agents: Agent[]): Agent[] {
    const words = this.view.q.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    return agents.filter(
      (agent) =>
        (!this.view.state || agent.status === this.view.state) &&
        (!this.view.queue || agent.queues.includes(Number(this.view.queue))) &&
        words.every((word) => agent.name.toLocaleLowerCase().includes(word)),
    );
  }

  private listen(): void {
    byId("agent-search").addEventListener("input", (event) => this.change({ q: (event.target as HTMLInputElement).value }));
    byId("agent-queue").addEventListener("change", (event) => this.change({ queue: (event.target as HTMLSelectElement).value }));
    byId("agent-states").addEventListener("click", (event) => {
      const chip = (event.target as Element).closest<HTMLElement>("[data-state]");
      if (!chip) return;
      const state = chip.dataset["state"] ?? "";
      this.change({ state: state === this.view.state ? "" : state });
    });
    byId("agents").addEventListener("click", (event) => {
      const head = (event.target as Element).closest<HTMLElement>("[data-sort]");
      if (head) this.change({ sort: head.dataset["sort"] ?? "state" });
    });
  }

  /** What is looked at stands in the address, so that it can be kept as a bookmark. */
  private change(part: Partial<AgentTable["view"]>): void {
    this.view = { ...this.view, ...part };
    const words = new URLSearchParams(Object.entries(this.view).filter(([name, value]) => value && !(name === "sort" && value === "state")));
    history.replaceState(null, "", words.size ? `?${words}` : location.pathname);
    if (this.floor) this.draw(this.floor);
  }

  private readAddress(): void {
    const words = new URLSearchParams(location.search);
    this.view = {
      q: words.get("q") ?? "",
      state: words.get("state") ?? "",
      queue: words.get("queue") ?? "",
      sort: words.get("sort") ?? "state",
    };
    byId<HTMLInputElement>("agent-search").value = this.view.q;
  }

  private drawQueueChoice({ queues }: Floor): void {
    const choice = byId<HTMLSelectElement>("agent-queue");
    const names = JSON.stringify(queues.map((queue) => [queue.id, queue.name]));
    if (choice.dataset["names"] === names) return;
    choice.dataset["names"] = names;
    choice.replaceChildren(
      h("option", { value: "" }, t("All queues")),
      ...queues.map((queue) => h("option", { value: queue.id, selected: String(queue.id) === this.view.queue }, queue.name)),
    );
  }

  private drawStateChoice({ agents }: Floor): void {
    const counts = new Map<string, number>();
    for (const agent of agents) counts.set(agent.status, (counts.get(agent.status) ?? 0) + 1);
    for (const state of ORDER) {
      const chip = this.chip(state);
      const count = counts.get(state) ?? 0;
      chip.hidden = count === 0 && state !== this.view.state;
      chip.setAttribute("aria-pressed", String(state === this.view.state));
      const number = chip.querySelector("b");
      if (number && number.textContent !== String(count)) number.textContent = String(count);
    }
  }

  private chip(state: string): HTMLElement {
    const known = document.querySelector<HTMLElement>(`#agent-states [data-state="${state}"]`);
    if (known) return known;
    const { icon: picture, look } = STATES[state] ?? { icon: "help-circle", look: "" };
    const made = h(
      "button",
      { type: "button", class: "btn btn-small chip", "data-state": state, "aria-pressed": "false" },
      icon(picture, `icon ${look}`),
      wordOf(state),
      h("b", { class: "num" }, ""),
    );
    byId("agent-states").append(made);
    return made;
  }

  private groupRow({ group, count }: Group): HTMLElement {
    const head = h("th", { colspan: NARROW_COLUMNS, scope: "rowgroup" }, stateMark(group), h("span", { class: "num faint" }, ` ${count}`));
    return h("tr", { class: "group" }, head, h("th", { colspan: WIDE_COLUMNS - NARROW_COLUMNS, class: "wide-only" }));
  }

  private agentRow(agent: Agent): HTMLElement {
    const more = addition(agent);
    const names = this.floor?.queues.filter((queue) => agent.queues.includes(queue.id)).map((queue) => queue.name) ?? [];
    const button = h(
      "button",
      {
        type: "button",
        class: "btn btn-quiet btn-small btn-icon",
        "data-part": "menu",
        tabindex: -1,
        "aria-haspopup": "menu",
        "aria-label": t("What to do with {name}", { name: agent.name }),
        onclick: (event: Event) => this.openMenu(agent, event.currentTarget as HTMLElement),
      },
      icon("dots"),
    );
    const help = agent.work.find((each) => each.help)?.help;
    const asks = help && h("span", { class: "state is-unreachable", title: help.note ?? "" }, icon("lifebuoy"), t("Asks for help"));
    return h(
      "tr",
      { class: help ? "agent wants-help" : "agent" },
      h("th", { scope: "row", title: agent.name }, agent.name, asks),
      h("td", {}, stateMark(agent.status), more && h("span", { class: "faint tiny more" }, more)),
      h("td", { class: "num" }, agent.since && h("span", { class: "timer", "data-since": agent.since })),
      h("td", { class: "with" }, ...agent.work.map((each) => this.withWhom(each))),
      h("td", { class: "muted small wide-only clip", title: names.join(", ") }, names.join(", ")),
      h("td", { class: "row-end" }, button),
    );
  }

  private withWhom(contact: Contact): HTMLElement {
    const queue = this.floor?.queues.find((each) => each.id === contact.queue_id)?.name;
    return h(
      "span",
      { class: "contact clip" },
      icon(channelIcon(contact.channel), "icon icon-small"),
      whoOf(contact),
      queue && h("span", { class: "faint" }, ` ${queue}`),
      ...(contact.supervisors ?? []).map((each) =>
        h("span", { class: "state is-wrap tiny", title: each.name }, icon(MODES[each.mode] ?? "ear", "icon icon-small"), each.name),
      ),
    );
  }
}

function inGroups(agents: Agent[]): Line[] {
  return ORDER.flatMap((state) => {
    const inside = longestFirst(agents.filter((agent) => agent.status === state));
    return inside.length ? [{ group: state, count: inside.length }, ...inside] : [];
  });
}

function sorted(agents: Agent[], by: string): Agent[] {
  if (by === "since") return longestFirst(agents);
  return [...agents].sort((one, other) => one.name.localeCompare(other.name) || one.id - other.id);
}

/** Who has been at it longest first; who never was, last. */
function longestFirst(agents: Agent[]): Agent[] {
  return [...agents].sort((one, other) => (one.since ?? "9").localeCompare(other.since ?? "9") || one.id - other.id);
}

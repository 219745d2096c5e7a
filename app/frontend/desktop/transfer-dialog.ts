/**
 * Whom a call goes to: type a name, a queue, a flow or a number, choose with the arrows, and ask first or transfer at once.
 * People's states and queues' waits are those of the moment, asked for again while the dialog is open.
 */
import { byId, h, icon, setText, show } from "../lib/dom.ts";
import { call as request } from "../lib/http.ts";
import { mark, t } from "../lib/texts.ts";
import type { Target, Targets } from "./types.ts";

export interface TransferChoice {
  to: Target;
  how: "warm" | "now" | "third";
  note: string;
}

interface Row {
  to: Target;
  name: string;
  about: string;
  look: string;
  picture: string;
  /** Only the ways that make sense for it. */
  ways: TransferChoice["how"][];
}

const FRESH_MS = 3_000;
const MOST = 60;
const AGENT_STATES: Record<string, { word: string; look: string }> = {
  free: { word: mark("Free"), look: "is-ready" },
  busy: { word: mark("Busy"), look: "is-busy" },
  break: { word: mark("On a break"), look: "is-away" },
  missed: { word: mark("Missed a call"), look: "is-away" },
  no_phone: { word: mark("No phone"), look: "is-unreachable" },
};
const NUMBER = /^\+?[\d\s().-]{6,24}$/;

export class TransferDialog {
  private readonly dialog = byId<HTMLDialogElement>("transfer-dialog");
  private readonly input = byId<HTMLInputElement>("transfer-to");
  private readonly list = byId("transfer-list");
  private readonly note = byId<HTMLInputElement>("transfer-note");
  private readonly problem = byId("transfer-problem");
  private readonly ways: Record<TransferChoice["how"], HTMLButtonElement> = {
    warm: byId<HTMLButtonElement>("transfer-warm"),
    now: byId<HTMLButtonElement>("transfer-now"),
    third: byId<HTMLButtonElement>("transfer-third"),
  };
  private readonly chosen: (choice: TransferChoice) => Promise<string | null>;
  private targets: Targets = { agents: [], queues: [], flows: [] };
  private rows: Row[] = [];
  private at = 0;
  private timer: ReturnType<typeof setInterval> | undefined;

  /** `chosen` does it, and gives the sentence that says why not. */
  constructor(chosen: (choice: TransferChoice) => Promise<string | null>) {
    this.chosen = chosen;
    this.input.addEventListener("input", () => {
      this.at = 0;
      this.drawList();
    });
    for (const field of [this.input, this.note]) field.addEventListener("keydown", (event) => this.keys(event));
    for (const how of ["warm", "now", "third"] as const)
      this.ways[how].addEventListener("click", () => void this.choose(how));
    this.dialog.addEventListener("close", () => clearInterval(this.timer));
  }

  get isOpen(): boolean {
    return this.dialog.open;
  }

  open(): void {
    if (this.dialog.open) return;
    this.input.value = this.note.value = "";
    this.at = 0;
    this.complain("");
    this.dialog.showModal();
    this.input.focus();
    this.drawList();
    void this.ask();
    clearInterval(this.timer);
    this.timer = setInterval(() => void this.ask(), FRESH_MS);
  }

  close(): void {
    if (this.dialog.open) this.dialog.close();
  }

  private async ask(): Promise<void> {
    const fresh = await request<Targets>("GET", "/desktop/targets").catch((error: Error) => {
      this.complain(error.message);
      return null;
    });
    if (!fresh || !this.dialog.open) return;
    const kept = this.rows[this.at];
    this.targets = fresh;
    this.drawList();
    const again = kept ? this.rows.findIndex((row) => JSON.stringify(row.to) === JSON.stringify(kept.to)) : -1;
    if (again >= 0 && again !== this.at) this.move(again);
  }

  private async choose(how: TransferChoice["how"]): Promise<void> {
    const row = this.rows[this.at];
    if (!row?.ways.includes(how)) return;
    for (const button of Object.values(this.ways)) button.disabled = true;
    const why = await this.chosen({ to: row.to, how, note: this.note.value.trim() });
    if (why === null) return this.close();
    this.complain(why);
    this.drawWays();
  }

  private complain(words: string): void {
    setText(this.problem, words);
    show(this.problem, words !== "");
  }

  private drawList(): void {
    this.rows = this.found().slice(0, MOST);
    this.at = Math.min(this.at, Math.max(0, this.rows.length - 1));
    this.list.replaceChildren(
      ...(this.rows.length ? this.rows.map((row, at) => this.option(row, at)) : [h("p", { class: "work-none" }, t("Nobody by this name. A number starts with + and its country."))]),
    );
    this.drawWays();
  }

  private option(row: Row, at: number): HTMLElement {
    return h(
      "div",
      {
        class: "menu-item transfer-row",
        role: "option",
        id: `target-${at}`,
        "aria-selected": String(at === this.at),
        onpointerdown: (event: Event) => {
          event.preventDefault();
          this.move(at);
        },
      },
      icon(row.picture),
      h("span", { class: "grow clip" }, row.name),
      h("span", { class: `small num ${row.look}` }, row.about),
    );
  }

  private move(at: number): void {
    this.at = at;
    for (const [place, option] of [...this.list.children].entries())
      option.setAttribute("aria-selected", String(place === at));
    this.list.children[at]?.scrollIntoView({ block: "nearest" });
    this.drawWays();
  }

  private drawWays(): void {
    const ways = this.rows[this.at]?.ways ?? [];
    for (const how of ["warm", "now", "third"] as const) this.ways[how].disabled = !ways.includes(how);
    if (this.rows.length) this.input.setAttribute("aria-activedescendant", `target-${this.at}`);
    else this.input.removeAttribute("aria-activedescendant");
  }

  private keys(event: KeyboardEvent): void {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.move(Math.max(0, Math.min(this.rows.length - 1, this.at + step)));
    } else if (event.key === "Enter") {
      const [first] = this.rows[this.at]?.ways ?? [];
      if (first) void this.choose(event.ctrlKey || event.metaKey ? "now" : first);
    } else return;
    event.preventDefault();
  }

  private found(): Row[] {
    const typed = this.input.value.trim().toLocaleLowerCase();
    const rows = this.all().filter((row) => row.name.toLocaleLowerCase().includes(typed));
    return NUMBER.test(typed) ? [numberRow(this.input.value.trim()), ...rows] : rows;
  }

  private all(): Row[] {
    const agents = this.targets.agents.map(({ id, name, state }): Row => {
      const { word, look } = AGENT_STATES[state] ?? { word: state, look: "" };
      const ways: Row["ways"] = state === "free" ? ["warm", "now", "third"] : [];
      return { to: { agent: id }, name, about: t(word), look, picture: "user", ways };
    });
    const queues = this.targets.queues.map(({ key, name, waiting, free, there }): Row => ({
      to: { queue: key },
      name,
      about: t("{waiting} waiting, {free} free", { waiting, free }),
      look: free > 0 ? "is-ready" : "is-busy",
      picture: "users",
      ways: there > 0 ? ["now", "warm"] : ["now"],
    }));
    const flows = this.targets.flows.map(({ name, title }): Row => ({
      to: { flow: name },
      name: title,
      about: t("Flow"),
      look: "muted",
      picture: "sitemap",
      ways: ["now"],
    }));
    return [...agents, ...queues, ...flows];
  }
}

function numberRow(number: string): Row {
  return {
    to: { number },
    name: number,
    about: t("Outside number"),
    look: "muted",
    picture: "phone-outgoing",
    ways: ["warm", "now", "third"],
  };
}

/** How the call ended, chosen by typing two letters. Can be filled in while the call still runs; finished when it is over. */
import { byId, h, setText, show } from "../lib/dom.ts";
import { call as request, Refusal } from "../lib/http.ts";
import { t } from "../lib/texts.ts";
import { toast } from "../lib/toast.ts";
import type { Drafts } from "./drafts.ts";
import type { Call, Disposition } from "./types.ts";

/** Those whose label or one of its words begins with what was typed come first, then those that contain it. */
export function matching(dispositions: Disposition[], typed: string): Disposition[] {
  const words = typed.trim().toLocaleLowerCase();
  const rank = ({ label, code }: Disposition): number => {
    const text = label.toLocaleLowerCase();
    if (text.startsWith(words)) return 0;
    if (text.split(/\s+/).some((word) => word.startsWith(words))) return 1;
    if (initialsOf(text).startsWith(words)) return 1;
    return text.includes(words) || code.toLocaleLowerCase().startsWith(words) ? 2 : 3;
  };
  return dispositions
    .map((disposition, at) => ({ disposition, at, rank: words ? rank(disposition) : 0 }))
    .filter((one) => one.rank < 3)
    .sort((a, b) => a.rank - b.rank || a.at - b.at)
    .map((one) => one.disposition);
}

function initialsOf(text: string): string {
  return text
    .split(/\s+/)
    .map((word) => word[0] ?? "")
    .join("");
}

export class WrapUp {
  private readonly input = byId<HTMLInputElement>("disposition");
  private readonly list = byId("disposition-list");
  private readonly note = byId<HTMLInputElement>("wrap-note");
  private readonly done = byId<HTMLButtonElement>("wrap-done");
  private readonly left = byId("wrap-left");
  private readonly more = byId<HTMLButtonElement>("wrap-more");
  private readonly ask = byId<HTMLButtonElement>("wrap-ask");
  private readonly drafts: Drafts;
  private readonly finished: () => void;
  private dispositions: Disposition[] = [];
  private chosen: Disposition | null = null;
  private at = 0;
  private call: Call | null = null;
  private keeping: Promise<void> = Promise.resolve();

  constructor(drafts: Drafts, finished: () => void) {
    this.drafts = drafts;
    this.finished = finished;
    this.note.addEventListener("input", () => {
      if (this.call) drafts.keep(this.call.customer.id, "wrap", this.note.value);
    });
    this.input.addEventListener("input", () => {
      if (this.chosen) this.keep(null);
      this.chosen = null;
      this.at = 0;
      this.drawList(true);
    });
    this.input.addEventListener("focus", () => this.drawList(true));
    this.input.addEventListener("blur", () => setTimeout(() => this.drawList(false), 120));
    this.input.addEventListener("keydown", (event) => this.keys(event));
    this.done.addEventListener("click", () => void this.finish());
    this.more.addEventListener("click", () => void this.post("extend", {}));
    this.ask.addEventListener("click", () => void this.post("ask", { wanted: !this.call?.wrap_up_asked }));
  }

  draw(call: Call | null, dispositions: Disposition[]): void {
    const isAnother = call?.interaction_id !== this.call?.interaction_id;
    this.call = call;
    this.dispositions = dispositions;
    if (isAnother) this.reset();
    if (isAnother && call) this.recall(call);
    if (call?.wrap_up_ends_at) this.left.dataset["until"] = call.wrap_up_ends_at;
    else delete this.left.dataset["until"];
    if (!call?.wrap_up_ends_at) setText(this.left, "");
    show(this.more, call?.state === "wrapping" && call.wrap_up_mode !== "timed_no_exit");
    const byWish = call?.wrap_up_mode === "on_request" || call?.wrap_up_mode === "optional";
    show(this.ask, byWish && call?.state !== "wrapping" && call?.role !== "consult");
    this.ask.setAttribute("aria-pressed", String(Boolean(call?.wrap_up_asked)));
    this.drawDone();
  }

  private async post(what: string, body: unknown): Promise<void> {
    if (!this.call) return;
    try {
      await request("POST", `/desktop/interactions/${this.call.interaction_id}/wrap-up/${what}`, body);
      this.finished();
    } catch (error) {
      toast((error as Error).message, { error: true });
    }
  }

  async finish(): Promise<void> {
    const { call, chosen } = this;
    if (!call || !chosen || call.state !== "wrapping" || this.done.disabled) return;
    this.done.disabled = true;
    const note = this.note.value.trim();
    await this.drafts.pause(call.customer.id, "wrap");
    await this.keeping;
    try {
      await request("POST", `/desktop/interactions/${call.interaction_id}/wrap-up`, {
        code: chosen.code,
        ...(note ? { note } : {}),
      });
      await this.drafts.forget(call.customer.id, "wrap");
      this.reset();
      this.finished();
    } catch (error) {
      toast((error as Error).message, { error: true });
    }
    this.drawDone();
  }

  private reset(): void {
    this.chosen = null;
    this.input.value = this.note.value = "";
    this.drawList(false);
  }

  /** What was chosen before a reload, or in another browser. */
  private recall(call: Call): void {
    this.chosen = this.dispositions.find((one) => one.code === call.outcome) ?? null;
    this.input.value = this.chosen?.label ?? "";
    void this.recallNote(call);
  }

  /** A choice is kept at once, so that it counts even if the time runs out before it is finished. */
  private keep(code: string | null): void {
    const { call } = this;
    if (!call || call.role === "consult") return;
    const path = `/desktop/interactions/${call.interaction_id}/outcome`;
    this.keeping = this.keeping
      .then(() => request("PUT", path, { code }))
      .then(() => undefined)
      .catch((error: unknown) => {
        // Nothing is lost yet: it is sent again when the agent finishes.
        if (!(error instanceof Refusal && error.status === 403)) toast((error as Error).message, { error: true });
      });
  }

  /** What was begun before a reload, or in another browser, unless something was typed meanwhile. */
  private async recallNote({ interaction_id, customer }: Call): Promise<void> {
    const shown = (this.note.value = this.drafts.recall(customer.id, "wrap"));
    await this.drafts.fetch(customer.id);
    if (this.call?.interaction_id === interaction_id && this.note.value === shown)
      this.note.value = this.drafts.recall(customer.id, "wrap");
  }

  private drawDone(): void {
    const over = this.call?.state === "wrapping";
    this.done.disabled = !over || !this.chosen;
    this.done.title = over ? "" : t("The call is still going on: finish when it is over.");
  }

  private drawList(open: boolean): void {
    const found = matching(this.dispositions, this.chosen ? "" : this.input.value);
    show(this.list, open && found.length > 0);
    this.input.setAttribute("aria-expanded", String(open && found.length > 0));
    this.list.replaceChildren(
      ...found.map((disposition, at) =>
        h(
          "div",
          {
            class: "menu-item",
            role: "option",
            id: `disposition-${at}`,
            "aria-selected": String(at === this.at),
            onpointerdown: (event: Event) => (event.preventDefault(), this.choose(disposition)),
          },
          disposition.label,
        ),
      ),
    );
    if (open && found.length) this.input.setAttribute("aria-activedescendant", `disposition-${this.at}`);
    else this.input.removeAttribute("aria-activedescendant");
    this.drawDone();
  }

  private keys(event: KeyboardEvent): void {
    const found = matching(this.dispositions, this.chosen ? "" : this.input.value);
    const open = !this.list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      this.at = Math.max(0, Math.min(found.length - 1, this.at + (event.key === "ArrowDown" ? 1 : -1)));
      this.drawList(true);
    } else if (event.key === "Enter" && open && !event.ctrlKey && !event.metaKey) {
      const pick = found[this.at];
      if (pick) this.choose(pick);
    } else if (event.key === "Tab" && open && this.input.value && found[this.at]) {
      this.choose(found[this.at] as Disposition);
      return;
    } else if (event.key === "Escape" && open) this.drawList(false);
    else return;
    event.preventDefault();
  }

  private choose(disposition: Disposition): void {
    this.chosen = disposition;
    this.input.value = disposition.label;
    this.keep(disposition.code);
    this.at = 0;
    this.drawList(false);
  }
}

/** Where the agent writes: a text to the customer, a note for the record, the wrap-up of the call. Drafts stay with their customer. */
import { byId, h, setText, show } from "../lib/dom.ts";
import { phoneNumber } from "../lib/format.ts";
import { call as request, Refusal } from "../lib/http.ts";
import { segments } from "../lib/sms.ts";
import { t } from "../lib/texts.ts";
import { toast } from "../lib/toast.ts";
import type { Drafts } from "./drafts.ts";

type Mode = "text" | "note" | "wrap";

const TALLEST_PX = 180;
const COUNT_FROM_LEFT = 60;
/** What the server takes. More may be typed or pasted, so that nothing is cut off unseen, but not sent. */
const LONGEST: Record<Mode, number> = { text: 1600, note: 10_000, wrap: 0 };

export class Composer {
  private mode: Mode = "text";
  private customerId: string | null = null;
  private interactionId: string | null = null;
  /** Kept while a send is not known to have arrived: sending again can't send twice. */
  private clientId = crypto.randomUUID();
  private readonly drafts: Drafts;
  private readonly input = byId<HTMLTextAreaElement>("compose-input");
  private readonly send = byId<HTMLButtonElement>("compose-send");
  private readonly to = byId<HTMLSelectElement>("compose-to");
  private readonly finishWrapUp: () => void;
  private readonly sent: () => void;

  constructor({ drafts, finishWrapUp, sent }: { drafts: Drafts; finishWrapUp: () => void; sent: () => void }) {
    this.drafts = drafts;
    this.finishWrapUp = finishWrapUp;
    this.sent = sent;
    const form = byId<HTMLFormElement>("composer");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.submit();
    });
    form.addEventListener("click", (event) => {
      const mode = (event.target as Element).closest<HTMLElement>("[data-compose]")?.dataset["compose"];
      if (mode) this.choose(mode as Mode);
    });
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      if (this.mode === "wrap") this.finishWrapUp();
      else void this.submit();
    });
    byId("composer")
      .querySelector(".composer-tabs")
      ?.addEventListener("keydown", (event) => this.arrows(event as KeyboardEvent));
    this.input.addEventListener("input", () => {
      this.keepDraft();
      this.drawCount();
    });
  }

  /** Turns to another customer; what was being written waits with the one it was for. */
  turnTo(customerId: string): void {
    this.customerId = customerId;
    this.recall();
    const [mode, shown] = [this.mode, this.input.value];
    void this.drafts.fetch(customerId).then(() => {
      const untouched = this.customerId === customerId && this.mode === mode && this.input.value === shown;
      if (untouched) this.recall();
    });
  }

  setPoints(numbers: { value: string; optedOut: boolean }[]): void {
    const chosen = this.to.value;
    const open = numbers.filter((number) => !number.optedOut);
    this.to.replaceChildren(
      ...open.map(({ value }) => h("option", { value, selected: value === chosen }, phoneNumber(value))),
    );
    this.input.dataset["optedOut"] = String(numbers.length > 0 && open.length === 0);
    this.input.dataset["noNumber"] = String(numbers.length === 0);
    this.draw();
  }

  setInteraction(interactionId: string | null): void {
    this.interactionId = interactionId;
  }

  /** The wrap-up tab is there while a call is; when the call ended it comes to the front unless someone is writing. */
  offerWrapUp(available: boolean, bringForward: boolean): void {
    show(byId("tab-wrap"), available);
    if (!available && this.mode === "wrap") this.choose("text", { focus: false });
    if (available && bringForward && this.mode !== "wrap" && document.activeElement !== this.input)
      this.choose("wrap", { focus: false });
  }

  choose(mode: Mode, { focus = true } = {}): void {
    this.keepDraft();
    this.mode = mode;
    this.recall();
    if (focus) (mode === "wrap" ? byId("disposition") : this.input).focus();
  }

  private arrows(event: KeyboardEvent): void {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const tabs = [...byId("composer").querySelectorAll<HTMLElement>("[role=tab]:not([hidden])")];
    const at = tabs.findIndex((tab) => tab.dataset["compose"] === this.mode);
    const next = tabs.at((at + (event.key === "ArrowRight" ? 1 : -1)) % tabs.length);
    this.choose(next?.dataset["compose"] as Mode, { focus: false });
    next?.focus();
  }

  private async submit(): Promise<void> {
    const body = this.input.value.trim();
    const customerId = this.customerId;
    if (!body || !customerId || this.send.disabled) return;
    this.send.disabled = true;
    const kind = this.mode === "note" ? "note" : "text";
    await this.drafts.pause(customerId, kind);
    try {
      if (kind === "note")
        await request("POST", `/desktop/customers/${customerId}/notes`, {
          body,
          ...(this.interactionId ? { interaction_id: this.interactionId } : {}),
        });
      else
        await request("POST", `/desktop/customers/${customerId}/messages`, {
          body,
          client_id: this.clientId,
          ...(this.to.value ? { to: this.to.value } : {}),
        });
      this.clientId = crypto.randomUUID();
      const added = this.customerId === customerId && this.mode === kind && this.input.value.trim() !== body;
      await this.drafts.forget(customerId, kind);
      if (added) this.keepDraft();
      else if (this.customerId === customerId) this.recall();
      this.sent();
    } catch (error) {
      // Refused for good: the next try is a new text. Not known: the same one again.
      if (error instanceof Refusal && error.status < 500) this.clientId = crypto.randomUUID();
      toast((error as Error).message, { error: true });
    }
    this.draw();
    this.input.focus();
  }

  private draw(): void {
    const text = this.mode === "text";
    for (const tab of byId("composer").querySelectorAll<HTMLElement>("[role=tab]")) {
      const on = tab.dataset["compose"] === this.mode;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
    }
    show(byId("compose-body"), this.mode !== "wrap");
    show(byId("compose-wrap"), this.mode === "wrap");
    show(byId("to-choice"), text && this.to.options.length > 1);
    const optedOut = text && this.input.dataset["optedOut"] === "true";
    const noNumber = text && this.input.dataset["noNumber"] === "true";
    this.input.placeholder = optedOut
      ? t("They texted STOP: no texts until they text START.")
      : noNumber
        ? t("No number to text to.")
        : text
          ? t("Write a text")
          : t("Write a note; customers never see it");
    this.input.disabled = optedOut || noNumber;
    this.input.setAttribute("aria-label", text ? t("Text message") : t("Note"));
    byId("composer").dataset["mode"] = this.mode;
    const label = this.send.querySelector("span");
    if (label) setText(label, text ? t("Send text") : t("Save note"));
    this.drawCount();
  }

  private drawCount(): void {
    const { value } = this.input;
    const over = value.trim().length - LONGEST[this.mode];
    this.send.disabled = value.trim() === "" || over > 0 || this.input.disabled;
    const { count, left, encoding } = segments(value);
    const parts = count > 1 ? t("{n} parts", { n: count }) : "";
    const words = [
      parts,
      count > 1 || left < COUNT_FROM_LEFT ? t("{n} characters left", { n: left }) : "",
      encoding === "UCS-2" && count > 0 ? t("70 to a part, because of special characters") : "",
    ];
    const told = this.mode === "text" ? words.filter(Boolean).join(" · ") : "";
    setText(byId("compose-count"), over > 0 ? t("{n} characters too many", { n: over }) : told);
    byId("compose-count").classList.toggle("is-unreachable", over > 0);
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight + 2, TALLEST_PX)}px`;
  }

  private keepDraft(): void {
    if (this.customerId && this.mode !== "wrap") this.drafts.keep(this.customerId, this.mode, this.input.value);
  }

  private recall(): void {
    if (this.customerId && this.mode !== "wrap") this.input.value = this.drafts.recall(this.customerId, this.mode);
    this.draw();
  }
}

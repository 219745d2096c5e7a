/** The live end of the line: the call as it is being spoken. */
import { byId, h, setText, show } from "../lib/dom.ts";
import { call as request } from "../lib/http.ts";
import { t } from "../lib/texts.ts";
import { drawTurn, firstName, type Speakers } from "./player.ts";
import type { Call, LiveEvent, Transcript } from "./types.ts";

const KEPT_TURNS = 400;

export class LiveCall {
  private readonly article = byId("live");
  private readonly turns = byId("live-turns");
  private interactionId: string | null = null;
  private readonly said = new Set<string>();
  private readonly partials = new Map<string, HTMLElement>();
  private names: Speakers = { customer: "", agent: "" };

  draw(call: Call | null, visible: boolean): void {
    const talking = call !== null && call.state !== "wrapping";
    show(this.article, talking && visible);
    this.hideTwin(talking ? call.interaction_id : null);
    if (!talking) return this.forget();
    this.names = { customer: firstName(call.customer.name) ?? t("Customer"), agent: t("You") };
    this.article.dataset["state"] = call.state;
    byId("live-head").replaceChildren(
      h("h3", {}, call.state === "held" ? t("On hold") : t("Now")),
      call.answered_at === null
        ? h("span", { class: "muted" }, t("Calling them"))
        : h("span", { class: "timer num muted", "data-since": call.answered_at ?? call.since }),
    );
    const path = byId("live-path");
    show(path, call.path.length > 0);
    path.replaceChildren(...call.path.map((step) => h("li", {}, step)));
    if (call.interaction_id !== this.interactionId) void this.catchUp(call.interaction_id);
  }

  level(level: number): void {
    this.article.style.setProperty("--level", level.toFixed(3));
  }

  hear(event: LiveEvent): void {
    if (event.interaction_id !== null && event.interaction_id !== this.interactionId) return;
    const { speaker, text, start_s } = event.data as { speaker?: string; text?: string; start_s?: number };
    if (!speaker || text === undefined) return;
    if (event.kind === "transcript.partial") this.partial(speaker, text);
    if (event.kind === "transcript.said") this.say(speaker, text, start_s ?? 0);
  }

  /** The record lists the call as well; while it lives it is drawn here and not twice. */
  hideTwin(interactionId: string | null): void {
    for (const entry of byId("line").querySelectorAll<HTMLElement>("[data-interaction].entry"))
      entry.hidden = entry.dataset["interaction"] === interactionId;
  }

  /** After a reload: what was said before. */
  private async catchUp(interactionId: string): Promise<void> {
    this.forget();
    this.interactionId = interactionId;
    const transcript = await request<Transcript>("GET", `/desktop/interactions/${interactionId}/transcript`).catch(
      () => null,
    );
    if (this.interactionId !== interactionId || !transcript) return;
    for (const turn of transcript.turns) this.say(turn.speaker, turn.text, turn.start_s);
  }

  private forget(): void {
    this.interactionId = null;
    this.said.clear();
    this.partials.clear();
    this.turns.replaceChildren();
  }

  private say(speaker: string, text: string, startS: number): void {
    this.partials.get(speaker)?.remove();
    this.partials.delete(speaker);
    const key = `${speaker}@${startS.toFixed(2)}`;
    if (this.said.has(key)) return; // told both by the transcript and by the event
    this.said.add(key);
    const turn = drawTurn(speaker, [text], this.names);
    turn.dataset["start"] = String(startS);
    const later = [...this.turns.children].find(
      (other) => Number((other as HTMLElement).dataset["start"] ?? Infinity) > startS,
    );
    this.turns.insertBefore(turn, later ?? null);
    while (this.turns.children.length > KEPT_TURNS) this.turns.firstElementChild?.remove();
  }

  private partial(speaker: string, text: string): void {
    const known = this.partials.get(speaker);
    if (known) setText(known.querySelector("p") ?? known, text);
    else {
      const turn = drawTurn(speaker, [text], this.names);
      turn.classList.add("is-partial");
      this.partials.set(speaker, turn);
      this.turns.append(turn);
    }
  }
}

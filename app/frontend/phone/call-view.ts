/** The screen of one call: who, how far it is (as nodes on the line), the timer, and the controls that fit the moment. */
import { byId, h, setText, show } from "../lib/dom.ts";
import { duration, phoneNumber } from "../lib/format.ts";
import { mark, t } from "../lib/texts.ts";
import type { CallNews, EndStatus, SoftphoneCall } from "../softphone/device.ts";

const ENDINGS: Record<EndStatus, string> = {
  completed: mark("Call ended"),
  busy: mark("The line is busy"),
  "no-answer": mark("No answer"),
  failed: mark("The call could not be connected"),
  canceled: mark("Call ended"),
  lost: mark("The line to the carrier broke"),
  "microphone-blocked": mark("The microphone is blocked: allow it in the address bar"),
  "microphone-missing": mark("No microphone was found: plug one in"),
  "microphone-busy": mark("Another program holds the microphone"),
  "microphone-insecure": mark("The microphone needs https or localhost"),
};

export class CallView {
  private readonly steps = byId("call-steps");
  private clock: ReturnType<typeof setInterval> | undefined;
  private readonly label: (number: string) => string | null;

  constructor(label: (number: string) => string | null) {
    this.label = label;
  }

  draw({ call, state, end, muted }: CallNews): void {
    const other = call.direction === "out" ? call.to : call.from;
    const name = this.label(other);
    setText(byId("call-title"), name ?? phoneNumber(other));
    setText(byId("call-number"), name ? phoneNumber(other) : "");
    show(byId("controls-incoming"), state === "incoming");
    show(byId("controls-live"), state !== "incoming" && state !== "ended");
    byId("mute").setAttribute("aria-pressed", String(muted));
    byId("view-call").dataset["state"] = state;
    this.drawSteps(call, end);
  }

  level(level: number): void {
    this.steps.style.setProperty("--level", level.toFixed(3));
  }

  private drawSteps(call: SoftphoneCall, end: EndStatus | null): void {
    clearInterval(this.clock);
    const told = stepsOf(call, end);
    const timer = h("span", { class: "timer num" });
    this.steps.replaceChildren(
      ...told.map((words, at) => {
        const last = at === told.length - 1;
        return h(
          "li",
          { class: last ? (call.state === "ended" ? "is-over" : "is-live") : "is-past" },
          h("span", { class: "node" }),
          h("span", {}, t(words)),
          last && call.openedAt !== null && timer,
        );
      }),
    );
    const { openedAt } = call;
    if (openedAt === null) return;
    const tick = (): void => setText(timer, duration((Date.now() - openedAt) / 1000));
    tick();
    if (call.state !== "ended") this.clock = setInterval(tick, 500);
  }
}

function stepsOf(call: SoftphoneCall, end: EndStatus | null): string[] {
  const steps = call.direction === "out" ? [mark("Calling")] : [mark("Calling you")];
  const rang = call.direction === "out" && (call.state === "ringing" || call.openedAt !== null);
  if (rang) steps.push(mark("Ringing"));
  if (call.openedAt !== null) steps.push(mark("Connected"));
  else if (call.state === "connecting") steps.push(mark("Connecting"));
  if (end !== null) steps.push(ENDINGS[end]);
  return steps;
}

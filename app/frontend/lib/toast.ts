/** Short news at the lower right, read out by screen readers without taking the focus. */
import { h, icon } from "./dom.ts";
import { t } from "./texts.ts";

const GONE_AFTER_MS = 6_000;

export interface Undo {
  label: string;
  act: () => void;
}

export function toast(text: string, { error = false, undo }: { error?: boolean; undo?: Undo } = {}): void {
  const area = document.getElementById("toasts");
  if (!area) return;
  const gone = (): void => card.remove();
  const act =
    undo &&
    h("button", { type: "button", class: "btn btn-quiet btn-small", onclick: () => (undo.act(), gone()) }, undo.label);
  const close = h(
    "button",
    { type: "button", class: "btn btn-quiet btn-small btn-icon", "aria-label": t("Dismiss"), onclick: gone },
    icon("x"),
  );
  const card = h(
    "div",
    { class: error ? "toast-card is-error" : "toast-card" },
    icon(error ? "alert-circle" : "circle-check"),
    h("div", { class: "grow" }, text),
    act,
    close,
  );
  area.append(card);
  let timer = error ? undefined : setTimeout(gone, GONE_AFTER_MS); // an error stays until it was read
  card.addEventListener("pointerenter", () => clearTimeout(timer));
  card.addEventListener("pointerleave", () => (timer = error ? undefined : setTimeout(gone, GONE_AFTER_MS)));
}

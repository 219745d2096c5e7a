/** Twelve keys with their letters and tones; by pointer, by keyboard, and by holding 0 for +. */
import { h } from "../lib/dom.ts";
import type { Tones } from "./tones.ts";

const LETTERS: Record<string, string> = {
  "1": "",
  "2": "ABC",
  "3": "DEF",
  "4": "GHI",
  "5": "JKL",
  "6": "MNO",
  "7": "PQRS",
  "8": "TUV",
  "9": "WXYZ",
  "*": "",
  "0": "+",
  "#": "",
};
export const KEYS = [..."123456789*0#"];
const HELD_MS = 550;

export interface KeypadNews {
  press: (key: string) => void;
  /** 0 was held: what was typed as 0 is meant as +. */
  plus?: () => void;
}

export function drawKeypad(into: HTMLElement, tones: Tones, news: KeypadNews): (key: string, down: boolean) => void {
  const buttons = new Map(KEYS.map((key) => [key, keyButton(key)]));
  into.replaceChildren(...buttons.values());
  let held: ReturnType<typeof setTimeout> | undefined;

  const down = (key: string): void => {
    tones.press(key);
    buttons.get(key)?.classList.add("is-down");
    news.press(key);
    if (key === "0" && news.plus) held = setTimeout(news.plus, HELD_MS);
  };
  const up = (): void => {
    clearTimeout(held);
    tones.release();
    for (const button of buttons.values()) button.classList.remove("is-down");
  };

  for (const [key, button] of buttons) {
    button.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // the number field keeps the focus
      down(key);
      addEventListener("pointerup", up, { once: true });
      addEventListener("pointercancel", up, { once: true });
    });
    button.addEventListener("keydown", (event) => {
      if ((event.key !== "Enter" && event.key !== " ") || event.repeat) return;
      event.preventDefault();
      event.stopPropagation();
      down(key);
    });
    button.addEventListener("keyup", up);
  }
  return (key, isDown) => (isDown ? down(key) : up());
}

function keyButton(key: string): HTMLButtonElement {
  return h(
    "button",
    { type: "button", class: "key", "data-key": key },
    h("span", { class: "key-digit" }, key),
    h("span", { class: "key-letters" }, LETTERS[key] ?? ""),
  );
}

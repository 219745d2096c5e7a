/** One menu for all rows, opened beside the button that was pressed. */
import { h, icon } from "../lib/dom.ts";

export interface Choice {
  label: string;
  icon: string;
  act?: () => void;
  href?: string;
  danger?: boolean;
}
export type Part = { title: string } | "line" | Choice;

/** Called while the button is being clicked: the browser then opens the menu that the button names. */
export function openMenu(menu: HTMLElement, button: HTMLElement, label: string, parts: Part[]): void {
  menu.setAttribute("aria-label", label);
  menu.replaceChildren(...parts.map((part) => drawn(part, menu, button)));
  for (const old of document.querySelectorAll(`[popovertarget="${menu.id}"]`)) old.removeAttribute("popovertarget");
  button.setAttribute("popovertarget", menu.id);
}

function drawn(part: Part, menu: HTMLElement, button: HTMLElement): HTMLElement {
  if (part === "line") return h("hr");
  if ("title" in part) return h("div", { class: "menu-title" }, part.title);
  const inside = [icon(part.icon), part.label];
  const look = part.danger ? "menu-item is-danger" : "menu-item";
  if (part.href) return h("a", { class: look, role: "menuitem", href: part.href }, ...inside);
  return h("button", { type: "button", class: look, role: "menuitem", onclick: chosen }, ...inside);

  function chosen(): void {
    menu.hidePopover();
    if (button.isConnected) button.focus();
    part !== "line" && "act" in part && part.act?.();
  }
}

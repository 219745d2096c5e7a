/** Search in the top bar: the server finds, the arrow keys choose, Enter opens. */
import { byId, show } from "../lib/dom.ts";

export function searchBox(open: (customerId: string) => void): { focus: () => void } {
  const input = byId<HTMLInputElement>("search");
  const results = byId("search-results");
  const options = (): HTMLElement[] => [...results.querySelectorAll<HTMLElement>("[role=option]")];
  const visible = (on: boolean): void => {
    show(results, on);
    input.setAttribute("aria-expanded", String(on));
  };
  const select = (at: number): void => {
    options().forEach((option, i) => option.setAttribute("aria-selected", String(i === at)));
    const chosen = options()[at];
    if (chosen) input.setAttribute("aria-activedescendant", chosen.id);
    else input.removeAttribute("aria-activedescendant");
    chosen?.scrollIntoView({ block: "nearest" });
  };
  const choose = (option: HTMLElement | undefined): void => {
    const id = option?.dataset["open"];
    if (!id) return;
    visible(false);
    input.value = "";
    input.blur();
    open(id);
  };
  results.addEventListener("htmx:afterSwap", () => {
    visible(input.value.trim() !== "" && results.childElementCount > 0);
    select(0);
  });
  results.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    choose((event.target as Element).closest<HTMLElement>("[data-open]") ?? undefined);
  });
  results.addEventListener("click", (event) => event.preventDefault());
  input.addEventListener("focus", () => visible(input.value.trim() !== "" && results.childElementCount > 0));
  input.addEventListener("blur", () => visible(false));
  input.addEventListener("keydown", (event) => {
    const at = options().findIndex((option) => option.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown") select(Math.min(at + 1, options().length - 1));
    else if (event.key === "ArrowUp") select(Math.max(at - 1, 0));
    else if (event.key === "Enter") choose(options()[Math.max(0, at)]);
    else if (event.key === "Escape") {
      input.value = "";
      input.blur();
    } else return;
    event.preventDefault();
  });
  return {
    focus: () => {
      input.focus();
      input.select();
    },
  };
}

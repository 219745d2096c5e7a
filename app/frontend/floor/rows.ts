/** Rows that keep their elements: focus, order and timers stay while the numbers around them change. */

interface Drawn {
  element: HTMLElement;
  print: string;
}

export class Rows<Item> {
  private readonly parent: HTMLElement;
  private readonly keyOf: (item: Item) => string;
  private readonly make: (item: Item) => HTMLElement;
  private drawn = new Map<string, Drawn>();

  constructor(parent: HTMLElement, keyOf: (item: Item) => string, make: (item: Item) => HTMLElement) {
    this.parent = parent;
    this.keyOf = keyOf;
    this.make = make;
  }

  draw(items: Item[]): void {
    const focus = this.focus();
    const next = new Map(items.map((item) => [this.keyOf(item), this.row(item)]));
    for (const [key, { element }] of this.drawn) if (next.get(key)?.element !== element) element.remove();
    let place = this.parent.firstElementChild;
    for (const { element } of next.values()) {
      if (element === place) place = place.nextElementSibling;
      else this.parent.insertBefore(element, place);
    }
    this.drawn = next;
    if (focus) this.refocus(focus);
  }

  private row(item: Item): Drawn {
    const print = JSON.stringify(item);
    const known = this.drawn.get(this.keyOf(item));
    if (known?.print === print) return known;
    const element = this.make(item);
    element.dataset["key"] = this.keyOf(item);
    return { element, print };
  }

  private focus(): { key: string; part: string } | null {
    const active = document.activeElement;
    const row = active instanceof HTMLElement && this.parent.contains(active) ? active.closest<HTMLElement>("[data-key]") : null;
    return row ? { key: row.dataset["key"] ?? "", part: (active as HTMLElement).dataset["part"] ?? "" } : null;
  }

  private refocus({ key, part }: { key: string; part: string }): void {
    const row = this.drawn.get(key)?.element;
    if (!row || row.contains(document.activeElement)) return;
    row.querySelector<HTMLElement>(`[data-part="${part}"]`)?.focus({ preventScroll: true });
  }
}

/** One stop for the Tab key in a list of rows; arrows, Home and End go from row to row. */
export function rove(list: HTMLElement): void {
  const stops = (): HTMLElement[] => [...list.querySelectorAll<HTMLElement>("[data-part=menu]")];
  const choose = (chosen: HTMLElement): void => {
    for (const each of stops()) each.tabIndex = each === chosen ? 0 : -1;
  };
  list.addEventListener("focusin", (event) => {
    const stop = (event.target as Element).closest<HTMLElement>("[data-part=menu]");
    if (stop) choose(stop);
  });
  list.addEventListener("keydown", (event) => {
    const all = stops();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || to === undefined || !all[to]) return;
    all[to].focus();
    event.preventDefault();
  });
  new MutationObserver(() => {
    const all = stops();
    if (all[0] && !all.some((each) => each.tabIndex === 0)) all[0].tabIndex = 0;
  }).observe(list, { childList: true });
}

/** What every page has: menus that open beside their button, the theme switch, times in the reader's zone, flashed news, htmx with our rules. */
import htmx from "htmx.org";
import { byId } from "../lib/dom.ts";
import { exactly, when } from "../lib/format.ts";
import { csrfToken } from "../lib/http.ts";
import { t } from "../lib/texts.ts";
import { toast } from "../lib/toast.ts";
import { folds } from "./folds.ts";
import { keptForms } from "./kept-forms.ts";

const GAP_PX = 6;

/** Menus are native popovers; this puts one under its button, inside the window. */
function placeMenu(menu: HTMLElement): void {
  const button = document.querySelector<HTMLElement>(`[popovertarget="${menu.id}"]`);
  if (!button) return;
  const from = button.getBoundingClientRect();
  const size = menu.getBoundingClientRect();
  const left = Math.min(
    Math.max(8, menu.dataset["align"] === "start" ? from.left : from.right - size.width),
    innerWidth - size.width - 8,
  );
  const below = from.bottom + GAP_PX + size.height <= innerHeight - 8;
  menu.style.left = `${left}px`;
  menu.style.top = `${below ? from.bottom + GAP_PX : Math.max(8, from.top - GAP_PX - size.height)}px`;
}

function menusOpen(): void {
  document.addEventListener(
    "toggle",
    (event) => {
      const menu = event.target;
      if (!(menu instanceof HTMLElement) || !menu.matches(".menu")) return;
      const open = (event as ToggleEvent).newState === "open";
      document.querySelector(`[popovertarget="${menu.id}"]`)?.setAttribute("aria-expanded", String(open));
      if (!open) return;
      placeMenu(menu);
      menu.querySelector<HTMLElement>("[aria-checked='true'], .menu-item")?.focus();
    },
    true,
  );
  document.addEventListener("keydown", arrowsInMenus);
}

function arrowsInMenus(event: KeyboardEvent): void {
  const menu = (event.target as Element).closest?.<HTMLElement>(".menu");
  if (!menu || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
  const items = [...menu.querySelectorAll<HTMLElement>(".menu-item:not([disabled])")];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key] ?? 0;
  items.at(next % items.length)?.focus();
  event.preventDefault();
}

function themeChoices(): void {
  const mark = (): void => {
    const chosen = document.documentElement.dataset["themeChoice"];
    for (const item of document.querySelectorAll<HTMLElement>("[data-theme]"))
      item.setAttribute("aria-checked", String(item.dataset["theme"] === chosen));
  };
  document.addEventListener("click", (event) => {
    const choice = (event.target as Element).closest<HTMLElement>("[data-theme]")?.dataset["theme"];
    if (!choice) return;
    dispatchEvent(new CustomEvent("throughline:theme", { detail: choice }));
    mark();
  });
  mark();
}

/** `<time datetime="…" data-when>` becomes the reader's own clock; the exact moment shows on hover. */
export function localTimes(within: ParentNode): void {
  for (const time of within.querySelectorAll<HTMLTimeElement>("time[data-when]")) {
    if (!time.dateTime) continue;
    time.textContent = when(time.dateTime);
    time.title = exactly(time.dateTime);
  }
}

function flashedNews(): void {
  for (const note of document.querySelectorAll<HTMLElement>("#flashes [data-flash]")) {
    toast(note.textContent?.trim() ?? "", { error: note.dataset["flash"] === "error" });
  }
}

/** Reloads a fragment when the element asks for it with `data-reload-on="name"` and the page says the name. */
function htmxRules(): void {
  htmx.config.includeIndicatorStyles = false; // a style element would break the page's policy
  htmx.config.allowEval = false;
  htmx.config.historyCacheSize = 0; // nobody's record stays behind in the browser's storage
  htmx.config.defaultSwapDelay = 0;
  htmx.config.defaultSettleDelay = 0;
  document.addEventListener("htmx:configRequest", (event) => {
    (event as CustomEvent<{ headers: Record<string, string> }>).detail.headers["X-CSRFToken"] = csrfToken();
  });
  document.addEventListener("htmx:sendError", () =>
    toast(t("The server can't be reached. Nothing was lost; try again in a moment."), { error: true }),
  );
  document.addEventListener("htmx:responseError", () =>
    toast(t("The server could not do that. Try again."), { error: true }),
  );
  htmx.onLoad((added) => localTimes(added as HTMLElement));
}

/** `data-fill='{"email": "…"}'` puts words into the fields with these ids: the demo's people on the sign-in page. */
function fillers(): void {
  document.addEventListener("click", (event) => {
    const words = (event.target as Element).closest<HTMLElement>("[data-fill]")?.dataset["fill"];
    if (!words) return;
    for (const [id, value] of Object.entries(JSON.parse(words) as Record<string, string>))
      byId<HTMLInputElement>(id).value = value;
    document.querySelector<HTMLElement>("main [type=submit]")?.focus();
  });
}

fillers();
htmxRules();
menusOpen();
themeChoices();
localTimes(document);
flashedNews();
folds();
keptForms();

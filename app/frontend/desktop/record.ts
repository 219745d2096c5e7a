/** The open record: the person at the right, the line in the middle. Redrawn piece by piece, so that what plays goes on playing. */
import { byId, show } from "../lib/dom.ts";
import { Emitter } from "../lib/emitter.ts";
import { exactly, when } from "../lib/format.ts";
import { call as request } from "../lib/http.ts";
import { t } from "../lib/texts.ts";
import { toast } from "../lib/toast.ts";
import { makePlayer } from "./player.ts";

const NEAR_END_PX = 80;

export class CustomerRecord {
  readonly onOpen = new Emitter<string>();
  /** The line was redrawn. */
  readonly onDrawn = new Emitter<void>();
  readonly onCall = new Emitter<{ customerId: string; number: string }>();
  /** A dialog that the server draws at this address is wanted. */
  readonly onDialog = new Emitter<string>();
  customerId: string | null = null;
  private readonly line = byId("line");
  private readonly person = byId("person");
  private readonly scroll = byId("scroll");
  private readonly drawn = new Map<string, string>();
  private loading = 0;
  private stay = true;

  constructor() {
    this.keepEndInSight();
    this.line.addEventListener("click", (event) => {
      const before = (event.target as Element).closest<HTMLElement>("[data-earlier]")?.dataset["earlier"];
      if (before) void this.loadEarlier(before);
    });
    this.person.addEventListener("click", (event) => {
      const pressed = (event.target as Element).closest<HTMLElement>("[data-call], [data-dialog]")?.dataset ?? {};
      if (pressed["call"] && this.customerId) this.onCall.emit({ customerId: this.customerId, number: pressed["call"] });
      if (pressed["dialog"]) this.onDialog.emit(pressed["dialog"]);
    });
    this.person.addEventListener("change", (event) => void this.patch(event));
    this.person.addEventListener("submit", (event) => event.preventDefault());
    this.person.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.target instanceof HTMLTextAreaElement) || event.isComposing) return;
      event.preventDefault();
      event.target.blur(); // the change event does the rest
    });
  }

  /** Shows this customer; the same one again is only refreshed. */
  async open(customerId: string): Promise<void> {
    const another = customerId !== this.customerId;
    this.customerId = customerId;
    if (another) this.onOpen.emit(customerId);
    await this.load(another);
  }

  async refresh(): Promise<void> {
    if (this.customerId) await this.load(false);
  }

  close(): void {
    this.customerId = null;
    this.drawn.clear();
    this.line.replaceChildren();
    this.person.replaceChildren();
  }

  toEnd(): void {
    this.stay = true;
    this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  /** Who reads the end goes on seeing it, whatever is added there; who reads further up is left in peace. */
  private keepEndInSight(): void {
    const atEnd = (): boolean =>
      this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < NEAR_END_PX;
    const grown = new ResizeObserver(() => this.stay && this.toEnd());
    this.scroll.addEventListener("scroll", () => (this.stay = atEnd()), { passive: true });
    this.line.addEventListener("click", () => (this.stay = false)); // a transcript unfolds where it was asked for
    for (const part of [this.scroll, this.line, byId("live")]) grown.observe(part);
  }

  private async load(another: boolean): Promise<void> {
    const turn = ++this.loading;
    const id = this.customerId;
    const parts = await fragment(`/desktop/customers/${id}`).catch(
      (error: Error) => void toast(error.message, { error: true }),
    );
    if (!parts || turn !== this.loading || id !== this.customerId) return; // a later opening overtook this one
    if (another) {
      this.drawn.clear();
      this.line.replaceChildren();
    }
    this.putPerson(parts);
    this.putLine(parts);
    this.onDrawn.emit();
    if (another) this.toEnd();
  }

  private putPerson(parts: Document): void {
    const fresh = parts.querySelector<HTMLElement>("[data-part=person]");
    if (!fresh || (this.person.contains(document.activeElement) && document.activeElement instanceof HTMLTextAreaElement))
      return; // someone is writing a name
    if (this.drawn.get("person") === fresh.outerHTML) return;
    this.drawn.set("person", fresh.outerHTML);
    localTimes(fresh);
    this.person.replaceChildren(fresh);
  }

  /** Entries that did not change stay as they are, with whatever plays in them; older ones that were asked for stay above. */
  private putLine(parts: Document): void {
    const fresh = [...(parts.querySelector("[data-part=line]")?.children ?? [])] as HTMLElement[];
    const shown = [...this.line.children] as HTMLElement[];
    const older = olderThan(fresh, shown);
    const byKey = new Map(shown.map((entry) => [keyOf(entry), entry]));
    const entries = fresh
      .filter((entry) => older.length === 0 || isEntry(entry))
      .map((entry) => this.keep(entry, byKey));
    this.line.replaceChildren(...older, ...entries);
  }

  private keep(entry: HTMLElement, old: Map<string, HTMLElement>): HTMLElement {
    const key = keyOf(entry);
    const before = old.get(key);
    if (before && this.drawn.get(key) === entry.outerHTML) return before;
    this.drawn.set(key, entry.outerHTML);
    return dress(entry);
  }

  private async loadEarlier(before: string): Promise<void> {
    const parts = await fragment(
      `/desktop/customers/${this.customerId}/timeline?before=${encodeURIComponent(before)}`,
    ).catch((error: Error) => void toast(error.message, { error: true }));
    if (!parts) return;
    const height = this.scroll.scrollHeight - this.scroll.scrollTop;
    this.line.querySelector('[data-entry="earlier"]')?.remove();
    for (const entry of parts.body.children)
      this.drawn.set((entry as HTMLElement).dataset["entry"] ?? "", entry.outerHTML);
    this.line.prepend(...[...parts.body.children].map((entry) => dress(entry as HTMLElement)));
    this.scroll.scrollTop = this.scroll.scrollHeight - height; // what was being read stays under the eye
  }

  private async patch(event: Event): Promise<void> {
    const field = event.target as HTMLTextAreaElement | HTMLSelectElement;
    const name = field.closest<HTMLElement>("[data-patch]")?.dataset["patch"];
    if (!name || !this.customerId) return;
    const value = field.value.replace(/\s+/g, " ").trim() || null;
    await request("PATCH", `/desktop/customers/${this.customerId}`, { [name]: value }).catch((error: Error) =>
      toast(error.message, { error: true }),
    );
    this.drawn.delete("person");
    await this.refresh();
  }
}

const keyOf = (entry: HTMLElement): string => entry.dataset["entry"] ?? "";
const isEntry = (entry: HTMLElement): boolean => entry.tagName === "ARTICLE";

/** What stands above the first entry that both have: pages that were loaded on request, with their own head. */
function olderThan(fresh: HTMLElement[], shown: HTMLElement[]): HTMLElement[] {
  const keys = new Set(fresh.filter(isEntry).map(keyOf));
  const above = shown.slice(
    0,
    Math.max(
      0,
      shown.findIndex((entry) => keys.has(keyOf(entry))),
    ),
  );
  return above.some(isEntry) ? above : [];
}

export async function fragment(path: string): Promise<Document> {
  const response = await fetch(path, { headers: { Accept: "text/html" }, credentials: "same-origin" }).catch(
    () => null,
  );
  if (!response?.ok)
    throw new Error(
      response?.status === 404
        ? t("This record is gone: it may have been merged with another.")
        : t("The record could not be loaded. Try again in a moment."),
    );
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

function dress(entry: HTMLElement): HTMLElement {
  localTimes(entry);
  for (const place of entry.querySelectorAll<HTMLElement>(".player")) makePlayer(place);
  return entry;
}

function localTimes(within: HTMLElement): void {
  for (const time of within.querySelectorAll<HTMLTimeElement>("time[data-when]")) {
    if (!time.dateTime) continue;
    time.textContent = when(time.dateTime);
    time.title = exactly(time.dateTime);
  }
}

/** The parts of the middle that depend on whether a record is open. */
export function drawEmptiness({
  record,
  started,
  inCall,
}: {
  record: boolean;
  started: boolean;
  inCall: boolean;
}): void {
  show(byId("start"), !started && !record && !inCall);
  show(byId("nothing"), started && !record && !inCall);
  show(byId("line"), record);
  show(byId("composer"), record);
  show(byId("person-empty"), !record);
}

/** Drafts: in this tab at once and at the server a moment later, so that they outlive a reload and wait in another browser. */
import { call as request, csrfToken, Refusal } from "../lib/http.ts";

/** A text, a note, and the note of a call that is being wrapped up. */
const KINDS = ["text", "note", "wrap"] as const;
export type DraftKind = (typeof KINDS)[number];

const SAVE_AFTER_MS = 500;
const TRY_AGAIN_MS = 5_000;

const keyOf = (customerId: string, kind: DraftKind): string => `throughline.draft.${kind}.${customerId}`;
const addressOf = (customerId: string): string => `/desktop/customers/${customerId}/drafts`;

export class Drafts {
  /** What the server is known to have. */
  private readonly saved = new Map<string, string>();
  private readonly waiting = new Map<string, { customerId: string; kind: DraftKind; timer: number }>();
  private saving: Promise<void> = Promise.resolve();

  constructor() {
    addEventListener("pagehide", () => this.flush());
  }

  /** What was typed here and is not at the server yet, else what the server had. */
  recall(customerId: string, kind: DraftKind): string {
    const key = keyOf(customerId, kind);
    return sessionStorage.getItem(key) ?? this.saved.get(key) ?? "";
  }

  /** Asks the server what was begun elsewhere; what was typed here and is not saved yet stays. */
  async fetch(customerId: string): Promise<void> {
    const found = await request<Record<DraftKind, string>>("GET", addressOf(customerId)).catch(() => null);
    if (!found) return;
    for (const kind of KINDS) {
      const key = keyOf(customerId, kind);
      if (sessionStorage.getItem(key) === null) this.saved.set(key, found[kind]);
      else this.saveIn(customerId, kind, SAVE_AFTER_MS);
    }
  }

  keep(customerId: string, kind: DraftKind, body: string): void {
    if (this.recall(customerId, kind) === body) return;
    sessionStorage.setItem(keyOf(customerId, kind), body);
    this.saveIn(customerId, kind, SAVE_AFTER_MS);
  }

  /** It was sent: the server forgot it in the same breath. Waits for what is under way, so that nothing comes after. */
  async forget(customerId: string, kind: DraftKind): Promise<void> {
    this.stop(keyOf(customerId, kind));
    await this.saving;
    sessionStorage.removeItem(keyOf(customerId, kind));
    this.saved.delete(keyOf(customerId, kind));
  }

  /** Nothing is saved while it is being sent. */
  async pause(customerId: string, kind: DraftKind): Promise<void> {
    this.stop(keyOf(customerId, kind));
    await this.saving;
  }

  private saveIn(customerId: string, kind: DraftKind, ms: number): void {
    const key = keyOf(customerId, kind);
    this.stop(key);
    const timer = window.setTimeout(() => {
      this.waiting.delete(key);
      this.saving = this.saving.then(() => this.save(customerId, kind));
    }, ms);
    this.waiting.set(key, { customerId, kind, timer });
  }

  private stop(key: string): void {
    clearTimeout(this.waiting.get(key)?.timer);
    this.waiting.delete(key);
  }

  private async save(customerId: string, kind: DraftKind): Promise<void> {
    const key = keyOf(customerId, kind);
    const body = sessionStorage.getItem(key);
    if (body === null) return;
    try {
      await request("PUT", addressOf(customerId), { kind, body });
    } catch (error) {
      // It is still in this tab. What the server will never take is not sent to it again and again.
      const refused = error instanceof Refusal && error.status < 500 && error.status !== 429;
      if (!refused) this.saveIn(customerId, kind, TRY_AGAIN_MS);
      return;
    }
    this.saved.set(key, body);
    if (sessionStorage.getItem(key) === body) sessionStorage.removeItem(key);
  }

  /** The page goes: what waits is sent with it. It stays in the tab too, for its reload. */
  private flush(): void {
    for (const { customerId, kind } of this.waiting.values())
      void fetch(addressOf(customerId), {
        method: "PUT",
        keepalive: true,
        headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
        body: JSON.stringify({ kind, body: sessionStorage.getItem(keyOf(customerId, kind)) ?? "" }),
      });
  }
}

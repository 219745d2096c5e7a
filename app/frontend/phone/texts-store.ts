/** The texts of one number, kept in the browser as a telephone keeps its own. */

export interface TextMedia {
  contentType: string;
  url: string;
}

export interface Text {
  id: string;
  sid: string | null;
  direction: "in" | "out";
  body: string;
  at: number;
  /** The carrier's word: sending sent delivered undelivered failed received. */
  status: string;
  errorCode: number | null;
  media: TextMedia[];
}

export type Threads = Record<string, Text[]>;

const KEPT_PER_THREAD = 200;
const RANK: Record<string, number> = {
  sending: 0,
  accepted: 1,
  queued: 1,
  sent: 2,
  received: 3,
  delivered: 3,
  undelivered: 3,
  failed: 3,
};

/** A status never moves backwards, however late its news comes. */
export function laterStatus(now: string, news: string): string {
  return (RANK[news] ?? 0) > (RANK[now] ?? 0) ? news : now;
}

export class TextsStore {
  threads: Threads;
  private readonly key: string;
  private readonly storage: Pick<Storage, "getItem" | "setItem">;

  constructor(number: string, storage: Pick<Storage, "getItem" | "setItem"> = localStorage) {
    this.key = `throughline.phone.${number}`;
    this.storage = storage;
    this.threads = JSON.parse(storage.getItem(this.key) ?? "{}") as Threads;
  }

  add(peer: string, text: Text): void {
    const thread = [...(this.threads[peer] ?? []), text];
    this.threads[peer] = thread.slice(-KEPT_PER_THREAD);
    this.save();
  }

  /** True when this provider id is already here: carriers repeat themselves. */
  has(sid: string): boolean {
    return this.all().some((text) => text.sid === sid);
  }

  /** The carrier speaks of texts by its own id: the first news of an unknown id is about the oldest text still unnamed. */
  status(sid: string, status: string, errorCode: number | null): void {
    const text =
      this.all().find((one) => one.sid === sid) ??
      this.all().find((one) => one.direction === "out" && one.sid === null && one.status === "sending");
    if (!text) return;
    text.sid = sid;
    text.status = laterStatus(text.status, status);
    text.errorCode = errorCode ?? text.errorCode;
    this.save();
  }

  failUnsent(id: string): void {
    const text = this.all().find((one) => one.id === id);
    if (text) text.status = "failed";
    this.save();
  }

  private all(): Text[] {
    return Object.values(this.threads).flat();
  }

  private save(): void {
    this.storage.setItem(this.key, JSON.stringify(this.threads));
  }
}

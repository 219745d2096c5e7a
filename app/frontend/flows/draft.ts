/** The draft on the server follows the text: saved by itself, never over somebody else's work, with one writer at a time. */
import { Emitter } from "../lib/emitter.ts";
import { Refusal } from "../lib/http.ts";
import { t } from "../lib/texts.ts";
import { toast } from "../lib/toast.ts";
import type { FlowApi } from "./api.ts";
import type { Code } from "./code.ts";
import { leaveThrownAway } from "./thrown-away.ts";
import type { Draft, Lock } from "./types.ts";

const SAVE_AFTER_MS = 700;
/** A file that was changed by hand, or somebody who took over, is seen by then. */
const LOOK_EVERY_MS = 2_000;
const HOLD_EVERY_MS = 60_000;

export type Saving = "saved" | "unsaved" | "saving" | "failed";

export class DraftKeeper {
  readonly changed = new Emitter<void>();
  /** What the server was seen to hold last. */
  seen: Draft;
  saving: Saving = "saved";
  savedAt: Date | null = null;
  /** Somebody else's draft that came between: to choose from. */
  theirs: Draft | null = null;
  private readonly api: FlowApi;
  private readonly code: Code;
  private savedText: string;
  private rev: number;
  private base: string | null = null;
  private timer = 0;
  private running: Promise<void> | null = null;
  private heldUntil = 0;

  constructor(api: FlowApi, code: Code, draft: Draft) {
    this.api = api;
    this.code = code;
    this.seen = draft;
    this.rev = draft.rev;
    this.savedText = draft.text;
    this.code.setWritable(this.mayWrite);
    code.changed.on(() => this.touched());
    setInterval(() => void this.look(), LOOK_EVERY_MS);
    addEventListener("beforeunload", (event) => {
      if (this.isDirty) event.preventDefault();
    });
    addEventListener("pagehide", () => {
      if (this.seen.lock?.mine) this.api.unlock();
    });
  }

  get isDirty(): boolean {
    return this.code.text !== this.savedText;
  }

  /** Whether there is anything that is not live. */
  get isDraft(): boolean {
    return this.seen.is_draft || this.isDirty;
  }

  get lockedBy(): Lock | null {
    const { lock } = this.seen;
    return lock && !lock.mine ? lock : null;
  }

  get mayWrite(): boolean {
    return !this.lockedBy && !this.theirs;
  }

  /** The draft's revision once everything typed is saved. Rejects when it can't be. */
  async settled(): Promise<number> {
    clearTimeout(this.timer);
    while (this.isDirty) {
      await this.save();
      if (this.saving === "failed" || !this.mayWrite) throw new Error(t("The draft could not be saved yet."));
    }
    return this.rev;
  }

  private touched(): void {
    if (!this.isDirty && this.saving === "saved") return;
    if (!this.mayWrite) return;
    this.set("unsaved");
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.save(), SAVE_AFTER_MS);
  }

  private save(): Promise<void> {
    this.running ??= this.saveNow().finally(() => (this.running = null));
    return this.running;
  }

  private async saveNow(): Promise<void> {
    const text = this.code.text;
    this.set("saving");
    try {
      const { rev } = await this.api.save(text, this.rev, this.base);
      this.rev = rev;
      this.base = null;
      this.savedText = text;
      this.savedAt = new Date();
      this.heldUntil = Date.now() + HOLD_EVERY_MS;
      const lock = this.seen.lock ?? { by: "", since: new Date().toISOString(), mine: true };
      this.seen = { ...this.seen, rev, is_draft: true, text, lock: { ...lock, mine: true } };
      this.set(this.isDirty ? "unsaved" : "saved");
      if (this.isDirty) this.touched();
    } catch (error) {
      this.refused(error);
    }
  }

  private refused(error: unknown): void {
    const body = error instanceof Refusal ? (error.body as { draft?: Draft; lock?: Lock } | null) : null;
    if (error instanceof Refusal && error.status === 409 && body?.draft) {
      this.seen = body.lock ? { ...body.draft, lock: body.lock } : body.draft;
      if (!this.lockedBy && body.draft.text !== this.code.text) this.theirs = body.draft;
      else this.rev = body.draft.rev;
      this.code.setWritable(this.mayWrite);
      return this.set("unsaved");
    }
    this.set("failed");
    this.timer = window.setTimeout(() => void this.save(), 5_000);
  }

  private set(saving: Saving): void {
    this.saving = saving;
    this.changed.emit();
  }

  /** See whether somebody else wrote, a file changed, or another version went live. */
  async look(): Promise<void> {
    if (document.hidden || this.running || this.theirs) return;
    const isMine = this.seen.lock?.mine;
    if (isMine && Date.now() > this.heldUntil) {
      this.heldUntil = Date.now() + HOLD_EVERY_MS;
      await this.api.lock(false).catch(() => {});
    }
    const known = this.rev;
    const now = await this.api.draft().catch(() => null);
    if (!now || this.running || known !== this.rev) return; // a save overtook the question: its answer is old
    this.take(now);
  }

  private take(now: Draft): void {
    const isOther = now.rev !== this.rev;
    this.seen = now;
    if (now.text === this.code.text) this.rev = now.rev;
    else if (!this.isDirty) this.adopt(now);
    else if (isOther) this.theirs = now;
    this.code.setWritable(this.mayWrite);
    this.changed.emit();
  }

  private adopt(draft: Draft): void {
    this.rev = draft.rev;
    this.savedText = draft.text;
    this.seen = draft;
    this.theirs = null;
    this.code.setWritable(true);
    this.code.replaceAll(draft.text);
    this.code.setWritable(this.mayWrite);
    this.set("saved");
  }

  /** What the server holds replaces what stands here; undo has it back. */
  async reload(): Promise<void> {
    this.adopt(await this.api.draft());
  }

  takeTheirs(): void {
    if (this.theirs) this.adopt(this.theirs);
  }

  keepMine(): void {
    if (!this.theirs) return;
    this.rev = this.theirs.rev;
    this.savedText = this.theirs.text;
    this.theirs = null;
    this.code.setWritable(true);
    void this.save();
  }

  /** The writer has seen what went live meanwhile and goes on with the draft. */
  async writeOn(liveVersion: string | null): Promise<void> {
    this.base = liveVersion;
    await this.save();
    await this.look();
  }

  async takeOver(): Promise<void> {
    await this.api.lock(true);
    this.adopt(await this.api.draft());
    toast(t("You write now."));
  }

  /** What is live stands here then; where nothing is, the flow is gone, and the list of flows offers it back. */
  async discard(): Promise<void> {
    await this.settled().catch(() => 0);
    await this.api.discard();
    const now = await this.api.draft();
    if (!now.live_version && !now.text) return leaveThrownAway(now.name);
    this.adopt(now);
    toast(t("The draft was thrown away; what is live stands here."), {
      undo: { label: t("Undo"), act: () => void this.api.restore().then(() => this.reload()) },
    });
  }
}

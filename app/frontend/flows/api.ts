/** What the server can do for one flow. Addresses and shapes: docs/contracts.md. */
import { call, csrfToken } from "../lib/http.ts";
import type { Act, Canary, Checked, Diff, Draft, Lock, Simulation, Tested, Traffic, Version } from "./types.ts";

const LONG_MS = 60_000; // hundreds of test calls, on a slow machine

export class FlowApi {
  private readonly base: string;

  constructor(name: string) {
    this.base = `/admin/flows/${encodeURIComponent(name)}`;
  }

  draft = (): Promise<Draft> => call("GET", `${this.base}/draft`);
  save = (text: string, rev: number, base: string | null): Promise<{ rev: number }> =>
    call("PUT", `${this.base}/draft`, { text, rev, ...(base ? { base_version: base } : {}) });
  discard = (): Promise<{ rev: number }> => call("DELETE", `${this.base}/draft`);
  restore = (): Promise<{ rev: number }> => call("POST", `${this.base}/draft/restore`, {});
  lock = (takeOver: boolean): Promise<{ lock: Lock }> => call("POST", `${this.base}/lock`, { take_over: takeOver });
  check = (text: string): Promise<Checked> => call("POST", `${this.base}/check`, { text });
  test = (text: string): Promise<Tested> => call("POST", `${this.base}/test`, { text }, LONG_MS);
  publish = (message: string, rev: number): Promise<{ version: string }> => call("POST", `${this.base}/publish`, { message, rev }, LONG_MS);
  settle = (take: "page" | "file", version: string): Promise<{ version: string }> => call("POST", `${this.base}/conflict`, { take, file_version: version });
  versions = (): Promise<{ versions: Version[] }> => call("GET", `${this.base}/versions`);
  rollback = (version: string, message: string): Promise<{ version: string }> => call("POST", `${this.base}/rollback`, { version, message }, LONG_MS);
  diff = (from: string, to: string): Promise<Diff> => call("GET", `${this.base}/diff?${new URLSearchParams({ from, to })}`);
  canary = (): Promise<Canary> => call("GET", `${this.base}/canary`);
  startCanary = (percent: number, numbers: string[]): Promise<Canary> => call("POST", `${this.base}/canary`, { percent, numbers }, LONG_MS);
  promote = (): Promise<unknown> => call("POST", `${this.base}/canary/promote`, {});
  stopCanary = (): Promise<unknown> => call("POST", `${this.base}/canary/stop`, {});
  simulate = (text: string, given: object, acts: Act[]): Promise<Simulation> => call("POST", `${this.base}/simulate`, { text, given, acts });
  /** What is understood of a sound (mu-law at 8 kHz in base64) at this moment of a simulated call. */
  hear = (text: string, given: object, acts: Act[], audio: string): Promise<{ say: string; confidence: number | null }> =>
    call("POST", `${this.base}/hear`, { text, given, acts, audio }, LONG_MS);
  /** The text with this call as one more test call. */
  withScenario = (text: string, name: string, given: object, acts: Act[]): Promise<{ text: string }> =>
    call("POST", `${this.base}/scenarios`, { text, name, given, acts });
  callDraft = (to: string): Promise<unknown> => call("POST", `${this.base}/call`, { to });
  traffic = (from: string, to: string): Promise<Traffic> => call("GET", `${this.base}/traffic?${new URLSearchParams({ from, to })}`);

  /** Also while the page goes away. */
  unlock(): void {
    void fetch(`${this.base}/lock`, { method: "DELETE", keepalive: true, credentials: "same-origin", headers: { "X-CSRFToken": csrfToken() } }).catch(() => {});
  }
}

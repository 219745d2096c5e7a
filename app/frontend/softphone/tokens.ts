/** Access tokens, fetched before the old one runs out, so that a reconnect never waits for one. */

export interface AccessToken {
  token: string;
  /** Milliseconds since 1970, when the carrier stops believing it. */
  expiresAt: number;
}

const REFRESH_BEFORE_MS = 120_000;
const RETRY_MS = 15_000;
const WITHOUT_EXPIRY_MS = 5 * 60_000;

/** `exp` of a JWT, or a short life for tokens of another make. */
export function expiryOf(token: string, now: number): number {
  try {
    const claims = JSON.parse(atob((token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/"))) as {
      exp?: number;
    };
    return typeof claims.exp === "number" ? claims.exp * 1000 : now + WITHOUT_EXPIRY_MS;
  } catch {
    return now + WITHOUT_EXPIRY_MS;
  }
}

export class TokenSource {
  private current: AccessToken | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly fetchToken: () => Promise<string>;
  private readonly onRefresh: (token: string) => void;

  constructor(fetchToken: () => Promise<string>, onRefresh: (token: string) => void = () => {}) {
    this.fetchToken = fetchToken;
    this.onRefresh = onRefresh;
  }

  /** A token with life left in it. Rejects with the fetch's own error when there is none to be had. */
  async get(): Promise<string> {
    if (this.current && this.current.expiresAt - Date.now() > REFRESH_BEFORE_MS / 2) return this.current.token;
    return this.refresh();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.current = null;
  }

  private async refresh(): Promise<string> {
    const token = await this.fetchToken();
    this.current = { token, expiresAt: expiryOf(token, Date.now()) };
    this.schedule(Math.max(RETRY_MS, this.current.expiresAt - Date.now() - REFRESH_BEFORE_MS));
    return token;
  }

  private schedule(delayMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(
      () => {
        this.refresh().then(this.onRefresh, () => this.schedule(RETRY_MS));
      },
      Math.min(delayMs, 2 ** 31 - 1),
    );
  }
}

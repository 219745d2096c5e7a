/** JSON to and from our own server. A refusal becomes a Refusal whose message a person can act on. */
import { t } from "./texts.ts";

export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly body: unknown;
  constructor(status: number, code: string, message: string, body: unknown) {
    super(message);
    this.status = status;
    this.code = code;
    this.body = body;
  }
}

const PATIENCE_MS = 12_000;

export function csrfToken(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
}

async function refusal(response: Response): Promise<Refusal> {
  const body: unknown = await response.json().catch(() => null);
  const error = (body as { error?: { code?: string; message?: string } } | null)?.error;
  const plain =
    response.status === 401
      ? t("You were signed out. Sign in again to go on.")
      : t("The server could not do that. Try again.");
  return new Refusal(response.status, error?.code ?? String(response.status), error?.message ?? plain, body);
}

/** Rejects with Refusal (the server said no) or a plain Error that says the server can't be reached. */
export async function call<Reply>(
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  body?: unknown,
  patienceMs = PATIENCE_MS,
): Promise<Reply> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(path, {
    method,
    headers,
    credentials: "same-origin",
    signal: AbortSignal.timeout(patienceMs),
    body: body === undefined ? null : JSON.stringify(body),
  }).catch(() => {
    throw new Error(t("The server can't be reached. Nothing was lost; try again in a moment."));
  });
  if (!response.ok) throw await refusal(response);
  const words = await response.text();
  return (words ? JSON.parse(words) : null) as Reply;
}

/** The JSON of docs/contracts.md, as the desktop reads it. */

export interface Reachability {
  reachable: boolean;
  why: string[];
  routing_status: string;
}

export interface Customer {
  id: string;
  name: string | null;
  number: string | null;
}

export interface Me {
  id: number;
  name: string;
  roles: string[];
  presence: "available" | "break" | "offline";
  reason?: string | null;
  next_presence: "available" | "break" | "offline" | null;
  since?: string | null;
  /** The supervisor who chose this presence for them. */
  set_by?: string | null;
  reachability: Reachability;
}

export interface Offer {
  id: number;
  interaction_id: string;
  expires_at: string;
  seconds_left: number;
  ring_s: number;
  queue: string | null;
  customer: Customer;
  why: string | null;
  waited_s: number;
  /** `consult`: a colleague asks, and the customer stays theirs. */
  role?: "primary" | "consult";
  /** A callback: the customer is called first, and the agent is kept free until they answer. Nothing rings yet. */
  calling?: boolean;
  /** A call where it is missing. */
  channel?: string;
  handed?: Handed | null;
}

/** Whether it rings; all else is taken on the page, not with the phone. */
export function isCall({ channel }: Offer): boolean {
  return !channel || channel === "voice";
}

/** What the agent who handed the call on had to say. */
export interface Handed {
  by: string;
  note: string | null;
}

/** Somebody who was asked into a call. */
export interface Consult {
  /** `waiting`: for somebody of the queue `who`. */
  state: "waiting" | "ringing" | "talking" | "joined" | "outside";
  kind: "consult" | "third" | "outside";
  who: string;
  by: string;
  outside: boolean;
  since: string;
}

export interface Supervisor {
  name: string;
  mode: "listen" | "coach" | "barge" | "take_over";
}

/** The call that a supervisor is in. */
export interface Supervising {
  interaction_id: string;
  agent: string;
  customer: Customer;
  mode: Supervisor["mode"];
  joined: boolean;
  since: string;
}

export interface Parked {
  interaction_id: string;
  customer: Customer;
  /** The colleague who parked it; null for one's own. */
  by?: string | null;
  since?: string;
  until: string | null;
}

/** Exactly one of them. */
export interface Target {
  agent?: number;
  queue?: string;
  flow?: string;
  number?: string;
}

export interface Targets {
  agents: { id: number; name: string; state: string }[];
  queues: { key: string; name: string; waiting: number; free: number; there: number }[];
  flows: { name: string; title: string }[];
}

export interface Call {
  interaction_id: string;
  direction: "inbound" | "outbound";
  state: "active" | "held" | "agent_lost" | "wrapping";
  since: string;
  answered_at?: string | null;
  queue: string | null;
  customer: Customer;
  muted: boolean;
  path: string[];
  hangup_requested?: boolean;
  wrap_up_ends_at: string | null;
  wrap_up_mode?: "optional" | "discretionary" | "timed" | "timed_no_exit" | "on_request";
  wrap_up_asked?: boolean;
  /** `handed_on`: it is with somebody else, and one's own part of it is wrapped up. */
  role?: "agent" | "consult" | "handed_on";
  /** The code chosen until now. */
  outcome?: string | null;
  consult?: Consult | null;
  supervisors?: Supervisor[];
  help?: { at: string; note: string | null } | null;
  handed?: Handed | null;
}

export interface WorkItem {
  interaction_id: string;
  customer: Customer;
  channel: string;
  state: string;
  since: string;
}

export interface RecentItem {
  customer: Customer;
  channel: string;
  at: string;
  line: string;
  unanswered?: boolean;
}

export interface Disposition {
  code: string;
  label: string;
}

export interface DesktopState {
  me: Me;
  offer: Offer | null;
  call: Call | null;
  parked?: Parked[];
  supervising?: Supervising | null;
  work: { now: WorkItem[]; recent: RecentItem[] };
  dispositions: Disposition[];
  server_time: string;
  last_event_id: string;
}

export interface LiveEvent {
  id: number;
  kind: string;
  at: string;
  customer_id: string | null;
  interaction_id: string | null;
  actor: string | null;
  data: Record<string, unknown>;
}

export interface Word {
  text: string;
  start: number;
  end: number;
  conf?: number;
}

export interface Turn {
  speaker: string;
  start_s: number;
  end_s: number;
  text: string;
  words?: Word[];
}

export interface Transcript {
  turns: Turn[];
  source: "live" | "recording";
}

/** Who this is, in the fewest words we have. */
export function nameOf(customer: Customer, unknown: string): string {
  return customer.name ?? customer.number ?? unknown;
}

/** The floor of docs/contracts.md, as the pages read it. */

export interface Contact {
  interaction_id: string;
  state: string;
  channel: string;
  direction?: string;
  queue_id: number | null;
  customer: string | null;
  number: string;
  since: string;
  priority_min?: number;
  is_callback?: boolean;
  /** Who waits is an agent, with the customer on hold. */
  by?: string | null;
  /** A colleague who was asked into the call, which is another's. */
  asked?: boolean;
  help?: { at: string; note: string | null } | null;
  supervisors?: { id: number; name: string; mode: string }[];
}

/** A call with nobody on it: who parked it, and when it comes back. */
export interface Parked extends Contact {
  by: string | null;
  until: string | null;
}

export interface Agent {
  id: number;
  name: string;
  status: string;
  since: string | null;
  presence: "available" | "break" | "offline";
  reason: string | null;
  next_presence: "available" | "break" | "offline" | null;
  problem: string | null;
  at_desk: boolean;
  queues: number[];
  work: Contact[];
}

export interface Queue {
  id: number;
  key: string;
  name: string;
  waiting: number;
  asking: number;
  oldest_since: string | null;
  members: number;
  staffed: number;
  idle: number;
  estimate_min: [number, number] | null;
  service_level: number | null;
  service_level_today: number | null;
  target: number;
  target_s: number;
  answered_today: number;
  abandoned_today: number;
  callbacks_due: number;
}

export interface Alert {
  id: number;
  queue_id: number;
  kind: "waiting" | "oldest_wait_s" | "service_level" | "staffed";
  limit: number;
  value: number;
  since: string;
  seen_by: string | null;
}

export interface Totals {
  waiting: number;
  asking: number;
  oldest_since: string | null;
  service_level: number | null;
  service_level_today: number | null;
  staffed: number;
  ready: number;
  answered_today: number;
  abandoned_today: number;
  callbacks_due: number;
}

export interface Floor {
  agents: Agent[];
  queues: Queue[];
  waiting: Contact[];
  parked: Parked[];
  alerts: Alert[];
  totals: Totals;
  server_time: string;
  last_event_id: string;
}

/** The JSON of docs/contracts.md about flows, as these pages read it. */

export type Severity = "warning" | "error";

export interface GraphNode {
  id: string;
  kind: string;
  title: string;
  line: number;
  end_line: number;
  /** The first words of its prompt, or what it asks. */
  detail: string;
  severity: Severity | null;
}

export interface GraphEdge {
  from: string;
  /** May name a node that does not exist. */
  to: string;
  label: string;
  /** Where the file says so; null or "" for a way that the flow takes by itself. */
  field: string | null;
  implicit: boolean;
}

export interface Graph {
  start: string | null;
  fallback: string | null;
  nodes: GraphNode[];
  edges: GraphEdge[];
}

export interface Fault {
  line: number;
  column: number;
  node: string;
  field: string;
  message: string;
  severity: Severity;
}

export interface Checked {
  faults: Fault[];
  graph: Graph;
}

export interface Lock {
  by: string;
  since: string;
  mine: boolean;
}

export interface Conflict {
  kind: string;
  file_text: string;
  file_version: string;
}

export interface Draft {
  name: string;
  text: string;
  rev: number;
  base_version: string | null;
  live_version: string | null;
  is_draft: boolean;
  lock: Lock | null;
  conflict: Conflict | null;
}

export interface ScenarioResult {
  name: string;
  passed: boolean;
  transcript: string | string[];
  why: string;
}

export interface Tested {
  passed: number;
  failed: number;
  results: ScenarioResult[];
  coverage: { nodes: string[]; edges: ([string, string] | { from: string; to: string; label?: string })[] };
}

export interface Version {
  version: string;
  author: string | null;
  at: string;
  message: string;
  source: "page" | "file" | "rollback" | "canary";
  live: boolean;
  canary: boolean;
}

export interface Change {
  node: string;
  how: "added" | "removed" | "changed";
  words: string;
}

export interface Diff {
  changes: Change[];
  text: string;
}

export interface CanarySide {
  version: string | null;
  calls: number;
  outcomes: Record<string, number>;
  containment?: number | null;
}

export interface Canary {
  running: boolean;
  percent: number;
  numbers: string[];
  version: string | null;
  since?: string | null;
  live: CanarySide;
  canary: CanarySide;
}

export type Act = Record<string, unknown>;

export interface Step {
  act: Act | null;
  at: string;
  heard: ({ say: string; language?: string } | { play: string })[];
  nodes: string[];
  edges: [string, string][];
  facts: string[];
  variables: Record<string, unknown>;
}

export interface Simulation {
  steps: Step[];
  waiting_for: null | "key" | "speech" | "key_or_speech" | "queue" | "message" | "transfer" | "agent";
  node: string | null;
  ended: string | null;
  problems: string[];
}

export interface Traffic {
  calls: number;
  edges: { from: string; to: string; field: string; count: number }[];
  nodes: { id: string; entered: number; left: number; answers: number; no_input: number; no_match: number; hung_up: number }[];
  containment: number | null;
}

export interface ReplayStep {
  at: string;
  /** The flow it stands in, when a call went through several. */
  flow?: string;
  version?: string;
  node: string;
  heard: string[];
  input: string | null;
  confidence: number | null;
  edge: [string, string] | null;
  /** The field of the file that names the way here, where several lead from one step to the other. */
  way?: string | null;
}

export interface Replay {
  flow: string;
  version: string;
  graph: Graph;
  /** The diagrams of the flows that the call went on in. */
  flows?: { flow: string; version: string; graph: Graph }[];
  steps: ReplayStep[];
  recording_id: number | string | null;
}

/** What the platform's live page shows. */

export interface Gateway {
  name: string;
  address: string;
  host: string;
  pid: number;
  version: string;
  uptime: number;
  memory: number;
  cpu: number;
  register_state: "up" | "down";
  clients: number;
  paused: number;
  in_per_s: number;
  out_per_s: number;
  queued_events: number;
  unacknowledged_events: number;
  slow_closed: number;
  errors: number;
}

export interface Program {
  /** Made here, to tell the rows apart. */
  key: string;
  name: string;
  kind: "worker" | "client";
  host: string;
  pid: number;
  version: string;
  services: string[];
  gateways: number;
  clients: number;
  unacknowledged: number;
  backlog: number;
}

export interface Service {
  service: string;
  clients: number;
  workers: number;
}

export interface LiveStatus {
  time: number;
  gateways: Gateway[];
  workers: Program[];
  services: Service[];
  missing: string[];
  unknown: string[];
}

export interface Socket {
  client_id: string;
  service: string;
  uid: string;
  address: string;
  connected: number;
  worker: string;
}

export interface Sockets {
  count: number;
  list: Socket[];
  next: string;
  missing: string[];
}

const AGENT = "ns_servicer_";

/** Whose socket of the customer service it is, by its uid: `agent` or `customer`, and the id. */
export function person(socket: Socket): { kind: "agent" | "customer"; id: string } | null {
  if (socket.service !== "servicer") return null;
  if (socket.uid.startsWith(AGENT)) return { kind: "agent", id: socket.uid.slice(AGENT.length) };
  return /^\d+$/.test(socket.uid) ? { kind: "customer", id: socket.uid } : null;
}

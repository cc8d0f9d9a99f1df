/** Requests to the HTTP API, and what can go wrong with them. */

import { service } from "./service";

export type Values = Record<string, string | number | boolean | Blob | null | undefined>;

/** The server answered, and refused. */
export class Refused extends Error {
  constructor(
    message: string,
    /** Of the envelope, below 0. */
    readonly code: number,
    /** HTTP status. */
    readonly status: number,
    readonly errorCode = "",
  ) {
    super(message);
    this.name = "Refused";
  }

  /** The customer's token is none, or not any more. */
  get isToken(): boolean {
    return this.errorCode.startsWith("TOKEN_");
  }
}

/** The agent's session has ended. */
export class LoggedOut extends Error {
  constructor() {
    super("logged out");
    this.name = "LoggedOut";
  }
}

/** Nobody answered, or not in time, or not the server: to be tried again. */
export class Unreachable extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "Unreachable";
  }
}

export interface Answer<T> {
  code: number;
  data: T;
  message: string;
  /** A customer's next token, where the one that was sent ends soon. */
  refreshtoken?: string;
}

interface Envelope<T> extends Answer<T> {
  msg?: string;
  error_code?: string;
}

const TIMEOUT = 15_000; // ms

/**
 * Call an endpoint, `module/controller/action`.
 *
 * Raises Refused (a code below 0, or an HTTP error), LoggedOut, Unreachable.
 */
export async function call<T>(
  path: string,
  values: Values = {},
  timeout = TIMEOUT,
): Promise<Answer<T>> {
  const limit = new AbortController(); // telephones of 2022 have no AbortSignal.timeout
  const timer = setTimeout(() => limit.abort(new Error("no answer in time")), timeout);
  try {
    return await request<T>(path, values, limit.signal);
  } finally {
    clearTimeout(timer);
  }
}

async function request<T>(path: string, values: Values, signal: AbortSignal): Promise<Answer<T>> {
  let response: Response;
  try {
    response = await fetch(`/${service}/${path}`, {
      method: "POST",
      body: body(values),
      headers: { "X-Requested-With": "XMLHttpRequest" },
      redirect: "manual", // to the login page: what a session that has ended is answered with
      credentials: "same-origin",
      signal,
    });
  } catch (error) {
    throw new Unreachable(String(error));
  }
  if (response.type === "opaqueredirect") throw new LoggedOut();
  let envelope: Envelope<T>;
  try {
    envelope = (await response.json()) as Envelope<T>;
  } catch {
    // Not in our words: refused by a proxy, or before any endpoint saw it (413, 404).
    if (response.status >= 400 && response.status < 500)
      throw new Refused(`HTTP ${response.status}`, -1, response.status);
    throw new Unreachable(`HTTP ${response.status}`);
  }
  const message = envelope.message || envelope.msg || "";
  if (response.ok && envelope.code >= 0) return { ...envelope, message };
  if (response.status === 502 || response.status === 503 || response.status === 504)
    throw new Unreachable(`HTTP ${response.status}`);
  // Some errors of the original's contract have their text in `data`.
  const text = typeof envelope.data === "string" && envelope.data ? envelope.data : message;
  throw new Refused(text, envelope.code, response.status, envelope.error_code);
}

function body(values: Values): URLSearchParams | FormData {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null);
  if (given.some(([, value]) => value instanceof Blob)) {
    const form = new FormData();
    for (const [name, value] of given)
      form.append(name, value instanceof Blob ? value : text(value));
    return form;
  }
  return new URLSearchParams(given.map(([name, value]) => [name, text(value)]));
}

function text(value: Values[string]): string {
  return typeof value === "boolean" ? String(Number(value)) : String(value);
}

/**
 * Keeps what is not known to have arrived beyond a reload of the page, or a login that has ended:
 * sending it again is safe, because each message has an id of its own. And what is not sent yet.
 */

import { Kind } from "@/shared/rows";
import { service } from "@/shared/service";
import type { Pending } from "@/shared/thread";

export class Outbox {
  private readonly key: string;
  private readonly draftKey: string;

  constructor(servicerId: number, memberId: number) {
    this.key = `${prefix(servicerId)}${memberId}`;
    this.draftKey = `kefu.${service}.draft.${servicerId}.${memberId}`;
  }

  /** What the agent has written and not sent. */
  get draft(): string {
    try {
      return sessionStorage.getItem(this.draftKey) ?? "";
    } catch {
      return ""; // storage is switched off
    }
  }

  set draft(text: string) {
    try {
      if (text) sessionStorage.setItem(this.draftKey, text);
      else sessionStorage.removeItem(this.draftKey);
    } catch {
      // Storage is switched off or full: then a reload forgets what was written.
    }
  }

  /** What was on its way when the page went away. */
  restore(): Pending[] {
    try {
      const found: unknown = JSON.parse(sessionStorage.getItem(this.key) ?? "[]");
      const list = Array.isArray(found) ? (found as Pending[]) : [];
      return list.map((pending) => ({ ...pending, state: "sending", error: "" }));
    } catch {
      return []; // storage is switched off, or somebody else has written it
    }
  }

  store(all: readonly Pending[]): void {
    // The file of a picture that has not been uploaded cannot be kept.
    const kept = all.filter(({ kind, text }) => kind !== Kind.IMAGE || text !== "");
    try {
      if (kept.length) sessionStorage.setItem(this.key, JSON.stringify(kept));
      else sessionStorage.removeItem(this.key);
    } catch {
      // Storage is switched off or full: then a reload forgets what was on its way.
    }
  }

  /** Customers to whom an agent has something on its way. */
  static members(servicerId: number): number[] {
    const start = prefix(servicerId);
    try {
      return Object.keys(sessionStorage)
        .filter((key) => key.startsWith(start))
        .map((key) => Number(key.slice(start.length)));
    } catch {
      return [];
    }
  }
}

function prefix(servicerId: number): string {
  return `kefu.${service}.outbox.${servicerId}.`;
}

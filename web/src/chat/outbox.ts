/** Messages on their way: one after the other, again until they have arrived, once. */

import { Refused, Unreachable } from "@/shared/api";
import { pause } from "@/shared/socket";
import { service } from "@/shared/service";
import { Kind, type Row, Side } from "@/shared/rows";
import type { Pending, Receipt, Thread } from "@/shared/thread";

import type { Identity } from "./identity";
import { translateError } from "./locales";
import { shrink } from "./pictures";

/** What is to be said. */
export interface Draft {
  kind: Kind;
  text?: string;
  goods_sku_id?: number;
  order_id?: number;
  picture?: Blob;
}

const PATIENCE = 30_000; // ms, until a message counts as failed
const UPLOAD_TIMEOUT = 60_000; // ms
const STORED = `kefu.${service}.outbox`;

/** With `tries` since it was (last) given to the outbox. */
interface Effort {
  since: number;
  tries: number;
}

export class Outbox {
  /** Pictures that have no path yet, and what shows them until then. */
  private readonly pictures = new Map<string, { blob: Blob; url: string }>();
  private readonly efforts = new Map<string, Effort>();
  private isRunning = false;
  private wake: (() => void) | null = null;

  constructor(
    private readonly identity: Identity,
    private readonly threadOf: () => Thread,
    private readonly siteId: number,
    private readonly handlers: {
      /** A message is stored; rows before it are missing. */
      gap: (after: number) => void;
      sent: (row: Row) => void;
      /** Of the agent whom the customer believes to be talking to. */
      servicerId: () => number;
    },
  ) {}

  private get thread(): Thread {
    return this.threadOf();
  }

  /** Messages of the page's last life that are not known to have arrived: sending again is safe. */
  restore(): void {
    for (const pending of stored()) {
      if (pending.site_id !== this.siteId || !isPending(pending)) continue;
      if (pending.person && pending.person !== this.identity.person) continue;
      if (this.find(pending.key)) continue;
      this.thread.outbox.push({ ...pending, state: "sending", error: "" });
    }
    void this.run();
  }

  add(draft: Draft): void {
    const key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`;
    if (draft.picture)
      this.pictures.set(key, { blob: draft.picture, url: URL.createObjectURL(draft.picture) });
    this.thread.outbox.push({
      key,
      kind: draft.kind,
      text: draft.text ?? "",
      goods_sku_id: draft.goods_sku_id ?? 0,
      order_id: draft.order_id ?? 0,
      state: "sending",
      error: "",
      add_time: Math.floor(Date.now() / 1000),
    });
    this.store();
    void this.run();
  }

  retry(key: string): void {
    const pending = this.find(key);
    if (!pending) return;
    this.efforts.delete(key);
    this.thread.update(pending, { state: "sending", error: "" });
    this.hurry();
  }

  discard(key: string): void {
    const at = this.thread.outbox.findIndex((pending) => pending.key === key);
    if (at >= 0) this.thread.outbox.splice(at, 1);
    this.drop(key);
  }

  /** Nothing of this is the next customer's. */
  clear(): void {
    for (const { key } of [...this.thread.outbox]) this.discard(key);
  }

  /** The connection is back: do not wait for the end of a pause. */
  hurry(): void {
    for (const pending of [...this.thread.outbox])
      if (pending.state === "failed" && pending.error === "") this.retry(pending.key);
    this.wake?.();
    void this.run();
  }

  /** What shows a picture that is on its way. */
  preview(key: string): string {
    return this.pictures.get(key)?.url ?? "";
  }

  private async run(): Promise<void> {
    if (this.isRunning) return;
    this.isRunning = true;
    try {
      for (;;) {
        const next = this.thread.outbox.find((pending) => pending.state === "sending");
        if (!next) return;
        await this.attempt(next);
      }
    } finally {
      this.isRunning = false;
    }
  }

  private async attempt(pending: Pending): Promise<void> {
    const effort = this.efforts.get(pending.key) ?? { since: Date.now(), tries: 0 };
    this.efforts.set(pending.key, effort);
    try {
      await this.send(pending);
    } catch (error) {
      if (!this.find(pending.key)) return; // discarded meanwhile
      if (error instanceof Unreachable && Date.now() - effort.since < PATIENCE) {
        effort.tries += 1;
        await this.rest(pause(effort.tries, Math.random()));
        return;
      }
      const reason = error instanceof Refused ? translateError(error.message) : "";
      this.thread.update(this.find(pending.key) ?? pending, { state: "failed", error: reason });
    }
  }

  private async send(pending: Pending): Promise<void> {
    const current = await this.uploaded(pending);
    const after = this.thread.lastId;
    const { data } = await this.identity.ask<Receipt>("api/chat/say", {
      site_id: this.siteId,
      servicer_id: this.handlers.servicerId(),
      content_type: current.kind,
      message: current.text,
      goods_id: current.goods_sku_id,
      order_id: current.order_id,
      client_msg_id: current.key,
      format: "text",
    });
    if (!this.find(current.key)) return; // somebody else is talking now
    const row = rowOf(current, this.siteId);
    const result = this.thread.confirm(this.find(current.key) ?? current, data, row);
    this.drop(current.key);
    if (result === "gap") this.handlers.gap(after);
    this.handlers.sent({ ...row, ...data });
  }

  private async uploaded(pending: Pending): Promise<Pending> {
    const picture = this.pictures.get(pending.key);
    if (!picture || pending.text) return pending;
    const { data } = await this.identity.ask<{ pic_path: string }>(
      "api/chat/chatimg",
      { file: await shrink(picture.blob) },
      UPLOAD_TIMEOUT,
    );
    const current = this.thread.update(this.find(pending.key) ?? pending, { text: data.pic_path });
    this.store();
    return current;
  }

  private rest(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.wake = null;
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      this.wake = done;
    });
  }

  private find(key: string): Pending | undefined {
    return this.thread.outbox.find((pending) => pending.key === key);
  }

  private drop(key: string): void {
    this.efforts.delete(key);
    const picture = this.pictures.get(key);
    if (picture) URL.revokeObjectURL(picture.url);
    this.pictures.delete(key);
    this.store();
  }

  private store(): void {
    const kept = this.thread.outbox.filter(({ kind, text }) => kind !== Kind.IMAGE || text !== "");
    const of = { site_id: this.siteId, person: this.identity.person };
    const others = stored().filter((pending) => pending.site_id !== this.siteId);
    const all = [...others, ...kept.map((pending) => ({ ...pending, ...of }))];
    try {
      if (all.length) sessionStorage.setItem(STORED, JSON.stringify(all));
      else sessionStorage.removeItem(STORED);
    } catch {
      // Storage is switched off or full: then a reload forgets what was on its way.
    }
  }
}

type Stored = Pending & { site_id: number; person: string };

function stored(): Stored[] {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(STORED) ?? "[]");
    return Array.isArray(found) ? (found as Stored[]) : [];
  } catch {
    return [];
  }
}

function isPending(pending: Pending): boolean {
  return typeof pending.key === "string" && typeof pending.text === "string";
}

/** How the message is stored, as far as we know without having asked. */
export function rowOf(pending: Pending, siteId: number): Row {
  const text = pending.kind === Kind.TEXT ? `<p>${escape(pending.text)}</p>` : pending.text;
  return {
    id: 0,
    member_id: 0,
    servicer_id: 0,
    shop_id: siteId,
    type: Side.CUSTOMER,
    content_type: pending.kind,
    add_time: pending.add_time,
    consumer_say: text,
    servicer_say: "",
    goods_sku_id: pending.goods_sku_id,
    order_id: pending.order_id,
    read: 0,
  };
}

function escape(text: string): string {
  return text.trim().replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

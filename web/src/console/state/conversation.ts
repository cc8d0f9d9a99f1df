/** The conversation with one customer: what is stored, and what is on its way. */

import { ref, shallowReactive } from "vue";

import { LoggedOut, Refused } from "@/shared/api";
import { Kind, type Page, type Row, Side } from "@/shared/rows";
import { pause } from "@/shared/socket";
import { type Pending, type Receipt, Thread } from "@/shared/thread";

import type { DialogRow, Me } from "../data";
import { problem } from "../i18n";
import { Outbox } from "./outbox";
import { answer, ask } from "./session";

const PAGE = 50;
const LONGEST = 100; // rows that the server gives at once
const TRIES = 3; // until a message counts as failed
const TYPING = 6_000; // ms; a sign that is not repeated is over
const UPLOAD_TIMEOUT = 60_000; // ms

/** What is to be said. */
export interface Draft {
  kind: Kind;
  text?: string;
  goods_sku_id?: number;
  order_id?: number;
  picture?: Blob;
}

export class Conversation {
  readonly thread = new Thread(Side.SERVICER);
  /** Messages that the server has; null: not asked yet. */
  readonly count = ref<number | null>(null);
  readonly isLoadingOlder = ref(false);
  /** Why the messages could not be loaded. */
  readonly failure = ref("");
  /** Whether the customer types. */
  readonly isTyping = ref(false);
  /** What shows a picture that is on its way, by key of the message. */
  readonly previews = shallowReactive(new Map<string, string>());
  /** What the agent has written and not sent. */
  draft: string;
  /** Whether something may have been missed since it was looked at. */
  isStale = true;

  private readonly outbox: Outbox;
  private readonly pictures = new Map<string, Blob>();
  private typingTimer: ReturnType<typeof setTimeout> | undefined;
  private isSending = false;
  private catching: Promise<void> | null = null;
  private reading = 0;

  constructor(
    readonly memberId: number,
    private readonly me: Me,
    private readonly onSaid: (row: Row) => void,
  ) {
    this.outbox = new Outbox(me.servicer_id, memberId);
    for (const pending of this.outbox.restore()) this.thread.outbox.push(pending);
    this.draft = this.outbox.draft;
  }

  // What is stored

  get hasOlder(): boolean {
    return this.count.value !== null && this.thread.rows.length < this.count.value;
  }

  /** Ask for what was missed. Never raises: `failure` tells. */
  async catchUp(): Promise<void> {
    this.catching ??= this.fetchNewest()
      .then(() => {
        this.failure.value = "";
        this.isStale = false;
      })
      .catch((error: unknown) => {
        this.failure.value = problem(error);
        this.isStale = true;
      })
      .finally(() => (this.catching = null));
    await this.catching;
  }

  private async fetchNewest(): Promise<void> {
    const last = this.thread.lastId;
    const newest = await this.dialogs({ page: 1, limit: PAGE });
    // Also what is known: it may have been read or taken back meanwhile.
    const oldest = newest.list.at(-1)?.id ?? 0;
    if (last && oldest > last) await this.fill(last);
    this.thread.merge(newest.list);
    this.count.value = newest.count;
  }

  /** Load what came after a message. */
  private async fill(after: number): Promise<void> {
    for (let from = after; ;) {
      const { list } = await this.dialogs({ after_id: from, limit: LONGEST });
      this.thread.merge(list);
      const last = list.at(-1)?.id ?? 0;
      if (list.length < LONGEST || last <= from) return;
      from = last;
    }
  }

  /**
   * Load a page of older messages. Raises what `call` does.
   *
   * `apply` is called when they are there, and calls the function that it gets to put them in.
   */
  async loadOlder(apply: (merge: () => void) => void): Promise<void> {
    if (this.isLoadingOlder.value || !this.hasOlder) return;
    this.isLoadingOlder.value = true;
    try {
      const before = this.thread.rows.length;
      // Pages are counted from the newest message; what has come meanwhile only makes them overlap.
      const page = Math.floor(before / LONGEST) + 1;
      const { list, count } = await this.dialogs({ page, limit: LONGEST });
      apply(() => this.thread.merge(list));
      const isStuck = this.thread.rows.length === before;
      this.count.value = isStuck ? before : count;
    } finally {
      this.isLoadingOlder.value = false;
    }
  }

  private dialogs(values: Record<string, number>): Promise<Page<DialogRow>> {
    return ask<Page<DialogRow>>("index/dialogs", { member_id: this.memberId, ...values });
  }

  /** A message was pushed. */
  receive(row: Row): void {
    const last = this.thread.lastId;
    const result = this.thread.receive(row);
    if (result !== "known" && this.count.value !== null) this.count.value += 1;
    if (result === "gap") void this.bridge(last);
    if (row.type === Side.CUSTOMER) this.typed(false);
  }

  private async bridge(after: number): Promise<void> {
    try {
      await this.fill(after);
    } catch {
      this.isStale = true; // it is asked for again as soon as the connection is back
    }
  }

  /** Tell that the agent has seen what the customer said; whether it was told. */
  async markRead(): Promise<boolean> {
    const { rows } = this.thread;
    let at = rows.length - 1;
    while (at >= 0 && rows[at]?.type !== Side.CUSTOMER) at -= 1;
    const last = rows[at];
    if (!last || last.read || last.id <= this.reading) return false;
    this.reading = last.id;
    try {
      await ask("message/setRead", { member_id: this.memberId });
      this.thread.markRead(Side.SERVICER, last.id);
      return true;
    } catch {
      this.reading = 0; // to be told with the next look at it
      return false;
    }
  }

  async recall(id: number): Promise<void> {
    await ask("chat/recall", { member_id: this.memberId, id });
    this.thread.recall(id);
  }

  /** The customer types, or has stopped to. */
  typed(isTyping: boolean): void {
    clearTimeout(this.typingTimer);
    this.isTyping.value = isTyping;
    if (isTyping) this.typingTimer = setTimeout(() => (this.isTyping.value = false), TYPING);
  }

  // What is on its way

  keepDraft(text: string): void {
    this.draft = this.outbox.draft = text;
  }

  send(draft: Draft): void {
    const key = newKey();
    if (draft.picture) {
      this.pictures.set(key, draft.picture);
      this.previews.set(key, URL.createObjectURL(draft.picture));
    }
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
    this.outbox.store(this.thread.outbox);
    void this.run();
  }

  retry(pending: Pending): void {
    this.thread.update(pending, { state: "sending", error: "" });
    void this.run();
  }

  /** The connection is back: send again what failed for want of it. */
  resume(): void {
    for (const pending of [...this.thread.outbox])
      if (pending.state === "failed" && !pending.error) this.retry(pending);
    void this.run();
  }

  discard(pending: Pending): void {
    const at = this.thread.outbox.indexOf(pending);
    if (at >= 0) this.thread.outbox.splice(at, 1);
    this.forget(pending.key);
  }

  private async run(): Promise<void> {
    if (this.isSending) return;
    this.isSending = true;
    try {
      for (;;) {
        const next = this.thread.outbox.find((pending) => pending.state === "sending");
        if (!next) return;
        await this.attempt(next.key);
      }
    } finally {
      this.isSending = false;
    }
  }

  private async attempt(key: string): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const pending = this.find(key);
      if (!pending) return;
      try {
        await this.deliver(await this.uploaded(pending));
        return;
      } catch (error) {
        const isFinal = error instanceof Refused || error instanceof LoggedOut;
        if (!isFinal && tries < TRIES) {
          await new Promise((resolve) => setTimeout(resolve, pause(tries, Math.random())));
          continue;
        }
        const failed = this.find(key);
        const reason = error instanceof Refused ? problem(error) : "";
        if (failed) this.thread.update(failed, { state: "failed", error: reason });
        return;
      }
    }
  }

  private async uploaded(pending: Pending): Promise<Pending> {
    const file = this.pictures.get(pending.key);
    if (!file || pending.text) return pending;
    const { pic_path } = await ask<{ pic_path: string }>("upload/upload", { file }, UPLOAD_TIMEOUT);
    const current = this.thread.update(this.find(pending.key) ?? pending, { text: pic_path });
    this.outbox.store(this.thread.outbox);
    return current;
  }

  private async deliver(pending: Pending): Promise<void> {
    const last = this.thread.lastId;
    const { data } = await answer<Receipt>("chat/answer", {
      member_id: this.memberId,
      content_type: pending.kind,
      servicer_say: pending.text,
      goods_id: pending.goods_sku_id,
      order_id: pending.order_id,
      client_msg_id: pending.key,
      format: "text",
    });
    const row = this.rowOf(pending);
    const isKnown = this.thread.has(data.id);
    const result = this.thread.confirm(this.find(pending.key) ?? pending, data, row);
    if (!isKnown && this.count.value !== null) this.count.value += 1;
    this.forget(pending.key);
    this.onSaid({ ...row, ...data });
    if (result === "gap") void this.bridge(last);
  }

  private find(key: string): Pending | undefined {
    return this.thread.outbox.find((pending) => pending.key === key);
  }

  private forget(key: string): void {
    this.pictures.delete(key);
    const url = this.previews.get(key);
    if (url) URL.revokeObjectURL(url);
    this.previews.delete(key);
    this.outbox.store(this.thread.outbox);
  }

  /** How a message is stored, as far as we know without having asked. */
  private rowOf(pending: Pending): Omit<Row, keyof Receipt> {
    const say = pending.kind === Kind.TEXT ? `<p>${escape(pending.text)}</p>` : pending.text;
    return {
      member_id: this.memberId,
      servicer_id: this.me.servicer_id,
      shop_id: this.me.site_id,
      type: Side.SERVICER,
      content_type: pending.kind,
      consumer_say: "",
      servicer_say: say,
      goods_sku_id: pending.goods_sku_id,
      order_id: pending.order_id,
      read: 0,
      nickname: this.me.nickname,
      avatar: this.me.avatar,
    };
  }
}

function escape(text: string): string {
  return text.trim().replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/** Pages that came without TLS have no `randomUUID`. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

/** One conversation as a page holds it: what is stored, in order, and what is on its way. */

import { shallowReactive, shallowRef } from "vue";

import { Kind, type Row, Side } from "./rows";

/** A message that the server has not confirmed. */
export interface Pending {
  /** `client_msg_id`: makes it safe to send again. */
  key: string;
  kind: Kind;
  /** Plain text, or the path of an uploaded image. */
  text: string;
  goods_sku_id: number;
  order_id: number;
  state: "sending" | "failed";
  /** Why it failed, for a person. */
  error: string;
  /** Unix time, seconds. */
  add_time: number;
}

/** What `say` and `answer` tell of the stored row. */
export interface Receipt {
  id: number;
  prev_id: number;
  add_time: number;
  delivered: boolean;
}

export class Thread {
  // A new array for each change: a reactive one of 10,000 rows takes long to shift.
  private readonly list = shallowRef<readonly Row[]>([]);
  readonly outbox: Pending[] = shallowReactive([]);
  /** Ids of own messages that a socket of the other side has taken. */
  readonly delivered = shallowReactive(new Set<number>());
  /**
   * Up to where what each side said was read: that may be told before a message of ours is confirmed.
   */
  private readonly readTo: Record<Side, number> = { [Side.CUSTOMER]: 0, [Side.SERVICER]: 0 };

  constructor(
    /** Whose page this is. */
    readonly side: Side,
  ) {}

  /** Ascending by id, without holes between the first and the last as far as is known. */
  get rows(): readonly Row[] {
    return this.list.value;
  }

  get lastId(): number {
    return this.rows.at(-1)?.id ?? 0;
  }

  get firstId(): number {
    return this.rows[0]?.id ?? 0;
  }

  /**
   * Take a pushed row.
   *
   * Returns "gap" where messages before it are missing: then ask `dialogs?after_id=` for what came
   * after `lastId`, as it was before this call, and merge that.
   */
  receive(row: Row): "new" | "known" | "gap" {
    const last = this.lastId;
    const known = this.has(row.id);
    this.merge([row]);
    if (known) return "known";
    const before = row.prev_id;
    return before !== undefined && before > last && !this.has(before) ? "gap" : "new";
  }

  /** Put rows where they belong; those that are there are replaced. */
  merge(rows: readonly Row[]): void {
    if (!rows.length) return;
    const given = [...rows].sort((one, other) => one.id - other.id);
    const at = this.position((given[0] as Row).id);
    const end = this.position((given.at(-1) as Row).id + 1);
    const merged: Row[] = [];
    for (const row of [...this.rows.slice(at, end), ...given].sort((a, b) => a.id - b.id)) {
      // The sort is stable: what is given comes after what is there.
      const before = merged.at(-1);
      const read = row.id <= this.readTo[row.type] ? 1 : row.read;
      if (before?.id === row.id) merged[merged.length - 1] = { ...before, ...row, read };
      else merged.push(read === row.read ? row : { ...row, read });
    }
    this.list.value = [...this.rows.slice(0, at), ...merged, ...this.rows.slice(end)];
  }

  has(id: number): boolean {
    return this.rows[this.position(id)]?.id === id;
  }

  /** A message of ours is stored; it leaves the outbox and takes its place. */
  confirm(pending: Pending, receipt: Receipt, row: Omit<Row, keyof Receipt>): "new" | "gap" {
    const at = this.outbox.indexOf(pending);
    if (at >= 0) this.outbox.splice(at, 1);
    if (receipt.delivered) this.delivered.add(receipt.id);
    const { id, prev_id, add_time } = receipt;
    const result = this.receive({ ...row, id, prev_id, add_time });
    return result === "gap" ? "gap" : "new";
  }

  /** Change what is told of a message on its way. */
  update(pending: Pending, change: Partial<Pending>): Pending {
    const at = this.outbox.indexOf(pending);
    const changed = { ...pending, ...change };
    if (at >= 0) this.outbox[at] = changed;
    return changed;
  }

  /** `side` has read what the other one said up to `lastId`. */
  markRead(side: Side, lastId: number): void {
    const other = side === Side.CUSTOMER ? Side.SERVICER : Side.CUSTOMER;
    this.readTo[other] = Math.max(this.readTo[other], lastId);
    this.list.value = this.rows.map((row) =>
      row.id <= lastId && row.type !== side && !row.read ? { ...row, read: 1 } : row,
    );
  }

  /** A message was taken back. */
  recall(id: number): void {
    if (!this.has(id)) return;
    this.list.value = this.rows.map((row) =>
      row.id === id
        ? {
            ...row,
            recalled: 1,
            content_type: Kind.TEXT,
            consumer_say: "",
            servicer_say: "",
            goods_sku_id: 0,
            order_id: 0,
          }
        : row,
    );
  }

  /** Index of the row of that id, or of where it would be. */
  position(id: number): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.rows[middle] as Row).id < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

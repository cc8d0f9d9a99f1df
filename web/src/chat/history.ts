/** What was said before, and while nobody listened, into the thread. */

import type { Page, Row } from "@/shared/rows";
import type { Thread } from "@/shared/thread";

import type { Identity } from "./identity";

const PAGE = 20; // messages
const CATCH_UP = 100;

export class History {
  /** Messages that are stored; null: not known yet. */
  private count: number | null = null;
  private catching: Promise<void> | null = null;
  private again = false;

  constructor(
    private readonly identity: Identity,
    private readonly thread: Thread,
    private readonly siteId: number,
  ) {}

  get isLoaded(): boolean {
    return this.count !== null;
  }

  /** Whether there is anything before the first row. */
  get hasEarlier(): boolean {
    return this.count !== null && this.thread.rows.length < this.count;
  }

  /** The page before the first row. Pages are counted from the newest message on. */
  async earlier(): Promise<void> {
    const page = Math.floor(this.thread.rows.length / PAGE) + 1;
    const { list, count } = await this.fetch({ page, limit: PAGE });
    const before = this.thread.rows.length;
    this.thread.merge(list);
    // Where a page brings nothing new there is nothing, whatever the count says.
    this.count = this.thread.rows.length === before ? this.thread.rows.length : count;
  }

  /**
   * Everything after the last row, and what has become of the last rows: read, taken back.
   *
   * Concurrent calls are one; a call during another is done again, because the first may have
   * asked too early.
   */
  async catchUp(after = this.thread.lastId): Promise<void> {
    if (this.catching) {
      this.again = true;
      return this.catching;
    }
    this.catching = this.catch(after).finally(() => (this.catching = null));
    await this.catching;
    if (this.again) {
      this.again = false;
      await this.catchUp();
    }
  }

  private async catch(after: number): Promise<void> {
    if (!this.isLoaded) return this.earlier();
    let last = after;
    for (;;) {
      const { list } = await this.fetch({ after_id: last, limit: CATCH_UP });
      this.thread.merge(list);
      if (list.length < CATCH_UP) break;
      last = list.at(-1)?.id ?? last;
    }
    const { list, count } = await this.fetch({ page: 1, limit: PAGE });
    this.thread.merge(list);
    this.count = count;
  }

  /** Whether there is something after the last row, which a socket that lives would have brought. */
  async isBehind(): Promise<boolean> {
    if (!this.isLoaded) return false;
    const { list } = await this.fetch({ after_id: this.thread.lastId, limit: 1 });
    return list.length > 0;
  }

  private async fetch(values: Record<string, number>): Promise<Page<Row>> {
    const { data } = await this.identity.ask<Page<Row>>("api/chat/dialogs", {
      site_id: this.siteId,
      ...values,
    });
    return data;
  }
}

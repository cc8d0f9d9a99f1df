/** The conversations of the shop, as far as they are known here. */

import { computed, ref, shallowReactive } from "vue";

import { read, write } from "@/shared/locale";
import { type Row, Side } from "@/shared/rows";

import type { Last, Me, PairRow, TalkRow } from "../data";
import { ask } from "./session";

export type Tab = "mine" | "unassigned" | "history";

export interface Talk {
  readonly member_id: number;
  readonly name: string;
  readonly headimg: string;
  readonly online: boolean;
  readonly unread: number;
  readonly unassigned: boolean;
  /** Of the agent who has it; 0: nobody. */
  readonly servicer_id: number;
  /** null: nothing was said. */
  readonly last: Last | null;
  /** Unix time, seconds, of the last message, else of the customer's coming. */
  readonly time: number;
  /** Of the last message that is counted, 0 for none. */
  readonly last_id: number;
}

interface MemberList {
  member_list: { count: number; list: TalkRow[]; unassigned: number };
}

interface Index {
  onlineMembers: PairRow[];
  unassignedMembers: { count: number; list: TalkRow[] };
}

interface Unread {
  unread_member: { count: number; list: { member_id: number; unread: number }[] };
}

const PAGE = 100; // the most that the server gives
const AT_ONCE = 10; // pages that are loaded without being asked for
const ENDED = 500; // conversations that are remembered as ended

export class Conversations {
  private readonly talks = shallowReactive(new Map<number, Talk>());
  private readonly ended: Map<number, number>;
  private readonly endedKey: string;
  private readonly endings = ref(0);
  /** Customers of whose last message we were told since it was last asked how things are. */
  private readonly fresh = new Set<number>();
  /** How often we were told that a customer has come or gone, and when last of each. */
  private moves = 0;
  private readonly moved = new Map<number, number>();
  private pages = 0;
  private fetching: Promise<void> | null = null;
  private searches = 0;
  readonly isLoaded = ref(false);
  readonly isLoadingMore = ref(false);
  /** Conversations of the shop that the server has, known here or not. */
  readonly count = ref(0);
  readonly unassignedCount = ref(0);
  readonly query = ref("");
  /** null: nothing is searched for; undefined: not answered yet. */
  readonly found = ref<Talk[] | null | undefined>(null);

  readonly all = computed(() => [...this.talks.values()].sort((one, other) => order(one, other)));
  readonly mine = computed(() => {
    void this.endings.value;
    return this.all.value.filter((talk) => this.isMine(talk));
  });
  readonly unassigned = computed(() => this.all.value.filter((talk) => talk.unassigned));
  /** Messages that wait for this agent. */
  readonly unread = computed(() => this.mine.value.reduce((sum, talk) => sum + talk.unread, 0));

  constructor(private readonly me: Me) {
    this.endedKey = `kefu.ended.${me.servicer_id}`;
    this.ended = storedEnded(this.endedKey);
  }

  get(memberId: number): Talk | undefined {
    return this.talks.get(memberId);
  }

  list(tab: Tab): Talk[] {
    if (this.found.value)
      return this.found.value.map((talk) => this.talks.get(talk.member_id) ?? talk);
    return tab === "mine"
      ? this.mine.value
      : tab === "unassigned"
        ? this.unassigned.value
        : this.all.value;
  }

  /** Ask the server how things are; what is not told of any more is left as it was. */
  async refresh(): Promise<void> {
    this.fetching ??= this.fetch().finally(() => (this.fetching = null));
    await this.fetching;
  }

  private async fetch(): Promise<void> {
    const newest = this.all.value.find((talk) => talk.last)?.time ?? 0;
    const asked = this.moves;
    this.fresh.clear();
    const [index, unread] = await Promise.all([
      ask<Index>("index/index"),
      ask<Unread>("index/unreadMembers"),
    ]);
    // After these: what they count is on this page too, and is not counted again when it is told.
    await this.page(1);
    this.settle(index, unread, asked);
    const isFirst = !this.isLoaded.value;
    this.isLoaded.value = true;
    // What has changed while nobody told us may be more than a page.
    for (let page = 2; !isFirst && page <= AT_ONCE; page += 1) {
      if (this.reached <= newest || (await this.page(page)) < PAGE) break;
    }
    while (this.pages < AT_ONCE && (await this.more()));
  }

  /** Load the next page of older conversations; whether there was one. */
  async more(): Promise<boolean> {
    if (this.isLoadingMore.value || this.pages * PAGE >= this.count.value) return false;
    this.isLoadingMore.value = true;
    try {
      return (await this.page(this.pages + 1)) > 0;
    } finally {
      this.isLoadingMore.value = false;
    }
  }

  /** Look at what is new and who waits; cheap enough to be done now and then. */
  async look(): Promise<void> {
    await this.page(1, 20);
  }

  /** Time of the oldest message on the page that was loaded last. */
  private reached = 0;

  private async page(number: number, size = PAGE): Promise<number> {
    const values = { page: number, page_size: size };
    const asked = this.moves;
    const { member_list: answer } = await ask<MemberList>("index/memberList", values);
    this.count.value = answer.count;
    this.unassignedCount.value = answer.unassigned;
    if (size === PAGE) this.pages = Math.max(this.pages, number);
    this.reached = answer.list.at(-1)?.add_time ?? 0;
    for (const row of answer.list) {
      this.put(row, asked);
      this.fresh.add(row.member_id);
    }
    if (!answer.unassigned)
      for (const talk of this.unassigned.value) this.change(talk.member_id, { unassigned: false });
    return answer.list.length;
  }

  private settle(index: Index, unread: Unread, asked: number): void {
    for (const row of index.unassignedMembers.list) this.put(row, asked);
    const there = new Set(index.onlineMembers.map((pair) => pair.member_id));
    for (const pair of index.onlineMembers)
      if (!this.hasMoved(pair.member_id, asked)) this.meet(pair);
    for (const talk of this.talks.values()) {
      const isMine = talk.servicer_id === this.me.servicer_id;
      if (
        talk.online &&
        isMine &&
        !there.has(talk.member_id) &&
        !this.hasMoved(talk.member_id, asked)
      )
        this.change(talk.member_id, { online: false });
    }
    const { count, list } = unread.unread_member;
    const counts = new Map(list.map((row) => [row.member_id, row.unread]));
    for (const talk of this.talks.values()) {
      // The answers are not of one moment: of these the count came with the last message.
      if (this.fresh.has(talk.member_id)) continue;
      const is = counts.get(talk.member_id) ?? (count <= list.length ? 0 : talk.unread);
      if (is !== talk.unread) this.change(talk.member_id, { unread: is });
    }
  }

  /** Find customers by part of their name, wherever they are. */
  async search(text: string): Promise<void> {
    const number = ++this.searches;
    this.query.value = text;
    if (!text.trim()) {
      this.found.value = null;
      return;
    }
    if (!this.found.value) this.found.value = undefined;
    const values = { member_name: text.trim(), page_size: PAGE };
    const asked = this.moves;
    const { member_list: answer } = await ask<MemberList>("index/memberList", values);
    if (number !== this.searches) return; // something else is searched for now
    for (const row of answer.list) this.put(row, asked);
    this.found.value = answer.list.map((row) => fromRow(row));
  }

  /** A message was said, by whomever. */
  said(row: Row, isSeen: boolean): void {
    const talk = this.talks.get(row.member_id);
    if (talk?.unassigned && row.servicer_id) this.assigned(row.member_id, row.servicer_id);
    if (talk && row.id <= talk.last_id) return;
    this.fresh.add(row.member_id);
    const isNew = row.type === Side.CUSTOMER && !row.read && !isSeen;
    this.change(row.member_id, {
      last: row,
      last_id: row.id,
      time: row.add_time,
      unread: (talk?.unread ?? 0) + Number(isNew),
      servicer_id: row.servicer_id || talk?.servicer_id || 0,
    });
  }

  /** Somebody has a customer who waited. */
  private assigned(memberId: number, servicerId: number): void {
    if (this.talks.get(memberId)?.unassigned) this.unassignedCount.value -= 1;
    this.change(memberId, { servicer_id: servicerId, unassigned: false });
  }

  /** A customer has come, and is this agent's. */
  arrived(pair: PairRow): void {
    this.move(pair.member_id);
    this.meet(pair);
  }

  private move(memberId: number): void {
    this.moves += 1;
    this.moved.set(memberId, this.moves);
  }

  /** Whether we were told that a customer came or went, after a question was asked. */
  private hasMoved(memberId: number, asked: number): boolean {
    return (this.moved.get(memberId) ?? 0) > asked;
  }

  private meet(pair: PairRow): void {
    const said = pair.last_dialog && !Array.isArray(pair.last_dialog) ? pair.last_dialog : null;
    const talk = this.talks.get(pair.member_id);
    const isNewer = said !== null && said.id > (talk?.last?.id ?? 0);
    this.assigned(pair.member_id, pair.servicer_id);
    this.change(pair.member_id, {
      name: pair.member_name,
      headimg: pair.headimg,
      online: pair.online === 1,
      // It is not counted: where nobody had it, it is pushed after this.
      ...(isNewer && { last: said, time: said.add_time }),
      ...(!talk && !said && { time: pair.last_online_time }),
    });
  }

  left(memberId: number): void {
    this.move(memberId);
    if (this.talks.has(memberId)) this.change(memberId, { online: false });
  }

  wasRead(memberId: number): void {
    if (this.talks.get(memberId)?.unread) this.change(memberId, { unread: 0 });
  }

  recalled(memberId: number, id: number): void {
    const talk = this.talks.get(memberId);
    if (talk?.last?.id === id) this.change(memberId, { last: { ...talk.last, recalled: 1 } });
  }

  /** This agent has taken a customer. */
  taken(memberId: number): void {
    this.reopen(memberId);
    this.assigned(memberId, this.me.servicer_id);
  }

  /** This agent has ended a conversation: it stays away until something is said again. */
  end(memberId: number): void {
    const talk = this.talks.get(memberId);
    if (!talk) return;
    this.move(memberId);
    this.change(memberId, { online: false });
    this.ended.delete(memberId);
    this.ended.set(memberId, talk.time);
    this.storeEnded();
  }

  private reopen(memberId: number): void {
    if (this.ended.delete(memberId)) this.storeEnded();
  }

  /** Whether this agent has the customer, ended or not. */
  isOwn(memberId: number): boolean {
    const talk = this.talks.get(memberId);
    return talk?.servicer_id === this.me.servicer_id && !talk.unassigned;
  }

  isMine(talk: Talk): boolean {
    if (!this.isOwn(talk.member_id)) return false;
    return talk.online || talk.time > (this.ended.get(talk.member_id) ?? -1);
  }

  private storeEnded(): void {
    const kept = [...this.ended].slice(-ENDED);
    write(this.endedKey, kept.length ? JSON.stringify(kept) : null);
    this.endings.value += 1;
  }

  /** A row of an answer to what was asked after so many moves. */
  private put(row: TalkRow, asked: number): void {
    const talk = this.talks.get(row.member_id);
    const from = fromRow(row);
    // A push may have come while the answer was on its way.
    if (talk && talk.last_id > from.last_id) return;
    // The answer may be older than what was told of the same message: who has it keeps it. And which
    // agent has a customer who has said nothing since is known from `connect` only.
    const isHad = talk?.last_id === from.last_id && talk.servicer_id > 0 && !talk.unassigned;
    const keeps = isHad && (talk.online || !from.servicer_id);
    this.talks.set(row.member_id, {
      ...from,
      online: talk && this.hasMoved(row.member_id, asked) ? talk.online : from.online,
      unassigned: from.unassigned && !isHad,
      servicer_id: keeps ? talk.servicer_id : from.servicer_id,
    });
  }

  private change(memberId: number, change: Partial<Talk>): void {
    this.talks.set(memberId, { ...(this.talks.get(memberId) ?? unknown(memberId)), ...change });
  }
}

function order(one: Talk, other: Talk): number {
  return other.time - one.time || other.last_id - one.last_id || other.member_id - one.member_id;
}

function fromRow(row: TalkRow): Talk {
  return {
    member_id: row.member_id,
    name: row.member_name,
    headimg: row.headimg,
    online: row.online === 1,
    unread: row.unread,
    unassigned: row.unassigned === 1,
    servicer_id: row.servicer_id,
    last: { ...row, id: row.last_id },
    time: row.add_time,
    last_id: row.last_id,
  };
}

function unknown(memberId: number): Talk {
  return {
    member_id: memberId,
    name: "",
    headimg: "",
    online: false,
    unread: 0,
    unassigned: false,
    servicer_id: 0,
    last: null,
    time: 0,
    last_id: 0,
  };
}

function storedEnded(key: string): Map<number, number> {
  try {
    const stored: unknown = JSON.parse(read(key) ?? "[]");
    return new Map(Array.isArray(stored) ? (stored as [number, number][]) : []);
  } catch {
    return new Map(); // somebody else has written it
  }
}

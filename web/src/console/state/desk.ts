/** Everything that an agent who is logged in works with, and what comes in for it. */

import { computed, inject, type InjectionKey, ref } from "vue";

import { plain } from "@/shared/content";
import { Kind, type Row, said, Side } from "@/shared/rows";
import type { Frame } from "@/shared/socket";

import type { Me, PairRow } from "../data";
import { translated } from "../i18n";
import { Conversation } from "./conversation";
import { Conversations } from "./conversations";
import { Live } from "./live";
import { Notices } from "./notices";
import { Outbox } from "./outbox";
import { ask, leave } from "./session";

const KEPT = 20; // conversations whose messages are kept
const LOOK = 5_000; // ms; of who waits while nobody accepts nobody is told
const SELDOM = 4; // looks of which one is taken while this agent accepts, and so hardly anybody waits

export class Desk {
  readonly conversations: Conversations;
  readonly notices = new Notices();
  readonly live: Live;
  readonly accepting = ref(false);
  /** How often we were told of it. */
  private acceptings = 0;
  readonly openId = ref(0);
  /** What the screen reader says of a message that has come. */
  readonly spoken = ref("");
  /** Set by the pages: go to a conversation. */
  goTo: (memberId: number) => void = () => undefined;
  private readonly kept = new Map<number, Conversation>();
  private ticks = 0;
  private readonly timer: ReturnType<typeof setInterval>;

  readonly open = computed(() => (this.openId.value ? this.conversation(this.openId.value) : null));

  constructor(readonly me: Me) {
    this.accepting.value = me.accepting === 1;
    this.conversations = new Conversations(me);
    this.live = new Live(me, {
      frame: (frame) => this.receive(frame),
      ready: () => this.ready(),
      replaced: () => this.replaced(),
    });
    this.timer = setInterval(() => this.tick(), LOOK);
    document.addEventListener("visibilitychange", this.looked);
    window.addEventListener("focus", this.looked);
    this.live.start();
  }

  /** Nobody is logged in any more. */
  close(): void {
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.looked);
    window.removeEventListener("focus", this.looked);
    this.live.stop();
    this.notices.clear();
  }

  conversation(memberId: number): Conversation {
    let found = this.kept.get(memberId);
    if (!found) {
      found = new Conversation(memberId, this.me, (row) => {
        this.conversations.said(row, true);
        void this.see(); // to answer a customer is to have them
      });
      this.drop();
    }
    this.kept.delete(memberId); // the last is the one used last
    this.kept.set(memberId, found);
    return found;
  }

  /** Forget the conversation that was not looked at for longest and has nothing of ours. */
  private drop(): void {
    if (this.kept.size < KEPT) return;
    for (const [memberId, { thread }] of this.kept)
      if (memberId !== this.openId.value && !thread.outbox.length) {
        this.kept.delete(memberId);
        return;
      }
  }

  show(memberId: number): void {
    this.openId.value = memberId;
    const open = this.open.value;
    if (open?.isStale) void open.catchUp().then(() => this.see());
    else void this.see();
  }

  async accept(isAccepting: boolean): Promise<void> {
    const values = { accepting: Number(isAccepting) };
    const { accepting } = await ask<{ accepting: number }>("index/accepting", values);
    this.holdAccepting(accepting === 1);
  }

  private holdAccepting(isAccepting: boolean): void {
    this.acceptings += 1;
    this.accepting.value = isAccepting;
  }

  /**
   * The agent looks at the open conversation: what the customer said is read. Not so where somebody
   * else has the customer, or nobody: who glances at it does not answer.
   */
  async see(): Promise<void> {
    const open = this.open.value;
    if (!open || !this.isSeen(open.memberId)) return;
    this.conversations.wasRead(open.memberId);
    await open.markRead();
  }

  private isSeen(memberId: number): boolean {
    return memberId === this.openId.value && isLooking() && this.conversations.isOwn(memberId);
  }

  /** The agent has a customer whom they did not have. */
  taken(memberId: number): void {
    this.conversations.taken(memberId);
    void this.see();
  }

  private readonly looked = (): void => {
    if (!isLooking()) return;
    this.notices.clear();
    void this.see();
  };

  /** The socket is bound: what was missed is asked for. */
  private async ready(): Promise<void> {
    for (const one of this.kept.values()) one.isStale = true;
    for (const memberId of Outbox.members(this.me.servicer_id)) this.conversation(memberId);
    for (const one of this.kept.values()) one.resume();
    const { acceptings } = this;
    const [{ accepting }] = await Promise.all([
      ask<{ accepting: number }>("index/accepting"),
      this.conversations.refresh(),
      this.open.value?.catchUp(),
    ]);
    if (acceptings === this.acceptings) this.accepting.value = accepting === 1; // else it is older
    void this.see();
  }

  private tick(): void {
    this.ticks += 1;
    if (!this.accepting.value || this.ticks % SELDOM === 0) void this.look();
  }

  private async look(): Promise<void> {
    if (document.visibilityState === "hidden" || this.live.status.state !== "open") return;
    try {
      await this.conversations.look();
    } catch {
      // The connection tells what is wrong, if anything; this is asked again soon.
    }
  }

  private receive({ type, data }: Frame): void {
    switch (type) {
      case "string":
      case "image":
      case "goodssku":
      case "order":
      case "keyword_reply":
        this.hear(data as unknown as Row);
        break;
      case "connect":
        this.conversations.arrived(data as unknown as PairRow);
        break;
      case "disconnect":
        this.conversations.left(Number(data.member_id));
        break;
      case "read":
        this.wasRead(Number(data.member_id), data.side === "customer", Number(data.last_id));
        break;
      case "typing":
        if (data.side === "customer")
          this.kept.get(Number(data.member_id))?.typed(data.typing === true);
        break;
      case "recall":
        this.kept.get(Number(data.member_id))?.thread.recall(Number(data.id));
        this.conversations.recalled(Number(data.member_id), Number(data.id));
        break;
      case "accepting":
        this.holdAccepting(data.accepting === true);
        break;
      case "force_offline":
        this.replaced();
        break;
    }
  }

  /** The agent has logged in elsewhere. */
  private replaced(): void {
    this.close();
    leave("elsewhere");
  }

  private hear(row: Row): void {
    const isKnown = this.kept.get(row.member_id)?.thread.has(row.id) ?? false;
    const isSeen = this.isSeen(row.member_id);
    if (!this.conversations.get(row.member_id)?.name) void this.look();
    this.conversations.said(row, isSeen);
    this.kept.get(row.member_id)?.receive(row);
    if (isKnown || row.type !== Side.CUSTOMER) return;
    const name = this.nameOf(row.member_id);
    const text = summary(row);
    if (isSeen) {
      this.spoken.value = `${name}: ${text}`;
      void this.see();
    } else {
      this.notices.call(name, text, () => this.goTo(row.member_id));
    }
  }

  private wasRead(memberId: number, byCustomer: boolean, lastId: number): void {
    this.kept.get(memberId)?.thread.markRead(byCustomer ? Side.CUSTOMER : Side.SERVICER, lastId);
    if (!byCustomer) this.conversations.wasRead(memberId);
  }

  nameOf(memberId: number): string {
    const name = this.conversations.get(memberId)?.name;
    return name || translated("customer.nameless", { id: memberId });
  }
}

/** A message as one line. */
export function summary(row: {
  content_type: Kind;
  type: Side;
  consumer_say: string;
  servicer_say: string;
  recalled?: number;
}): string {
  if (row.recalled) return translated("message.recalled");
  switch (row.content_type) {
    case Kind.GOODS:
      return translated("message.goods");
    case Kind.ORDER:
      return translated("message.order");
    case Kind.IMAGE:
      return translated("message.image");
    default:
      return plain(said(row));
  }
}

function isLooking(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}

export const DESK: InjectionKey<Desk> = Symbol("desk");

export function useDesk(): Desk {
  const desk = inject(DESK);
  if (!desk) throw new Error("no desk: nobody is logged in");
  return desk;
}

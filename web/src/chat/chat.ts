/** The chat of one customer with one shop: what the page shows, and what it can do. */

import { computed, reactive, shallowReactive } from "vue";

import { call, Refused } from "@/shared/api";
import type { Look } from "@/shared/embedding";
import { Kind, type Row, said, Side } from "@/shared/rows";
import { service } from "@/shared/service";
import { type Frame, type Init, LiveSocket, pause, type State } from "@/shared/socket";
import { Thread } from "@/shared/thread";

import { Cards } from "./cards";
import { History } from "./history";
import { Identity, type Source } from "./identity";
import { t, translateError } from "./locales";
import { type Draft, Outbox } from "./outbox";

export interface Config {
  site_id: number;
  site_name: string;
  logo: string;
  websocket_url: string;
  visitors: boolean;
  online_count: number;
  recall_window: number;
  widget: {
    color: string;
    title: string;
    greeting: string;
    offline: string;
    /** For pages in English; "": the other one. */
    title_en: string;
    greeting_en: string;
    offline_en: string;
    position: "left" | "right";
    /** Pixels between the launcher and the edges of the page. */
    offset_x: number;
    offset_y: number;
  };
}

export interface Agent {
  nickname: string;
  avatar: string;
  servicer_id: number;
}

const CAPS = "read,typing,recall";
const NOBODY = "客服不在线"; // what `bind` says then; the socket is bound all the same
const NO_SHOP = "没有指定店铺";
const NO_VISITORS = "请先登录";
const TYPING_SHOWN = 6000; // ms
const TYPING_TOLD = 3000; // ms between two of ours
const CHECK = 60_000; // ms
const CHECK_APART = 15_000; // ms, while there is no socket

export type Phase = "loading" | "ready" | "failed" | "no-shop";

export class Chat {
  readonly state = reactive({
    phase: "loading" as Phase,
    connection: "stopped" as State,
    /** Unix time in ms of the next attempt to connect. */
    retryAt: null as number | null,
    agent: null as Agent | null,
    /** Agents on duty. */
    onDuty: 0,
    isTyping: false,
    /** The agent has ended the conversation. */
    hasEnded: false,
    isReplaced: false,
    loginEnded: false,
    /** Why there is no talking to anybody; "" where there is. */
    refusal: "",
    isLoaded: false,
    hasEarlier: false,
    isLoadingEarlier: false,
    keywords: [] as string[],
    look: {} as Look,
  });
  readonly thread = shallowReactive({ current: new Thread(Side.CUSTOMER) });
  readonly config = shallowReactive<{ current: Config | null }>({ current: null });
  readonly cards: Cards;
  readonly identity: Identity;
  readonly unread = computed(
    () => this.thread.current.rows.filter((row) => row.type === Side.SERVICER && !row.read).length,
  );
  /** What own messages said before they were taken back, by id. */
  readonly recalled = shallowReactive(new Map<number, string>());
  /** Something has come that the customer may have to be told of; null: something was sent. */
  onMessage: (row: Row | null) => void = () => undefined;

  /** The server tells the other tabs of what the agent says only; this one of what is said here. */
  private readonly tabs =
    typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(`kefu.${service}`);
  private readonly socket: LiveSocket;
  private history: History;
  private readonly outbox: Outbox;
  private typingTimer: ReturnType<typeof setTimeout> | undefined;
  private typingTold = 0;
  private isWatching = false;
  /** Unix time in ms of the last `check`. */
  private checked = Date.now();
  private isMarking = false;

  constructor(
    readonly siteId: number,
    source: Source,
  ) {
    this.identity = new Identity(source, {
      changed: (isSame) => this.beSomebody(isSame),
      ended: () => this.endLogin(),
    });
    this.cards = new Cards(this.identity);
    this.socket = new LiveSocket({
      url: () => this.config.current?.websocket_url ?? "",
      ready: (init) => this.bind(init),
      frame: (frame) => this.receive(frame),
      state: (state, retryAt) => {
        this.state.connection = state;
        this.state.retryAt = retryAt;
        // Where no socket can be had, by a proxy's will, the history can.
        if (state === "waiting" && !this.state.isLoaded) this.fill();
      },
      replaced: () => (this.state.isReplaced = true),
    });
    this.history = this.makeHistory();
    this.outbox = new Outbox(this.identity, () => this.thread.current, siteId, {
      gap: (after) => this.fill(after),
      sent: () => {
        this.onMessage(null);
        this.tabs?.postMessage(siteId);
      },
      servicerId: () => this.state.agent?.servicer_id ?? 0,
    });
    setInterval(() => void this.check(), CHECK_APART);
    this.tabs?.addEventListener("message", ({ data }) => {
      if (data === siteId && this.isWatching) this.fill();
    });
  }

  private makeHistory(): History {
    return new History(this.identity, this.thread.current, this.siteId);
  }

  // Beginning

  /** Learn of the shop; goes on trying. Returns whether there is one. */
  async load(): Promise<boolean> {
    for (let failures = 0; ; failures += 1) {
      try {
        this.state.onDuty = (await this.configure()).online_count;
        this.state.phase = "ready";
        return true;
      } catch (error) {
        const isGone = error instanceof Refused && error.message === NO_SHOP;
        this.state.phase = isGone ? "no-shop" : "failed";
        if (isGone) return false;
      }
      await new Promise((resolve) => setTimeout(resolve, pause(failures, Math.random())));
    }
  }

  private async configure(): Promise<Config> {
    const { data } = await call<Config>("api/chat/config", { site_id: this.siteId });
    this.config.current = data;
    return data;
  }

  /** Connect. Idempotent. */
  start(): void {
    if (this.isWatching || this.state.phase !== "ready") return;
    if (!this.identity.isKnown && !this.config.current?.visitors) {
      this.refuse();
      return;
    }
    this.isWatching = true;
    this.state.refusal = "";
    this.outbox.restore();
    this.socket.start();
    void this.loadKeywords();
  }

  /** Connect where there is something to hear: for a badge beside a chat that is closed. */
  async startIfTalked(): Promise<void> {
    if (this.isWatching || !this.identity.isKnown) return;
    const values = { site_id: this.siteId, limit: 1 };
    const { data } = await this.identity.ask<{ count: number }>("api/chat/dialogs", values);
    if (data.count > 0) this.start();
  }

  /** Connect again after the chat was ended, or went on in another window. */
  resume(): void {
    this.state.hasEnded = false;
    this.state.isReplaced = false;
    this.state.loginEnded = false;
    this.socket.start();
  }

  reconnect(): void {
    this.socket.retry();
  }

  private beSomebody(isSamePerson: boolean): void {
    if (!isSamePerson) this.outbox.clear();
    const waiting = [...this.thread.current.outbox];
    this.thread.current = new Thread(Side.CUSTOMER);
    this.thread.current.outbox.push(...waiting);
    this.history = this.makeHistory();
    this.cards.clear();
    this.recalled.clear();
    Object.assign(this.state, { agent: null, isTyping: false, hasEnded: false, loginEnded: false });
    Object.assign(this.state, { isLoaded: false, hasEarlier: false, refusal: "" });
    if (!this.isWatching) return;
    this.socket.stop();
    if (this.identity.isKnown || isSamePerson) this.socket.start();
    else this.isWatching = false;
  }

  private async bind(init: Init): Promise<void> {
    const { client_id, bind_key } = init;
    const visitor_token = this.identity.isMember ? this.identity.visitorToken : "";
    const values = { client_id, bind_key, site_id: this.siteId, caps: CAPS, visitor_token };
    const identity = this.identity;
    try {
      const { data } = await identity.ask<Agent>("api/chat/bind", values);
      this.meet(data);
    } catch (error) {
      if (error instanceof Refused && error.message === NO_VISITORS) this.refuse();
      if (!(error instanceof Refused && error.message === NOBODY)) throw error;
      this.state.agent = null;
      this.state.onDuty = 0;
    }
    if (visitor_token && identity.visitorToken === visitor_token) identity.forgetVisitor();
    await this.history.catchUp();
    this.showHistory();
    this.outbox.hurry();
  }

  private refuse(): void {
    this.state.refusal = NO_VISITORS;
    this.socket.stop();
  }

  /** Until the customer logs in again, or goes on as a visitor. */
  private endLogin(): void {
    this.state.loginEnded = true;
    this.socket.stop();
  }

  private meet(agent: Agent): void {
    this.state.agent = agent.servicer_id ? agent : null;
    if (agent.servicer_id) this.state.onDuty = Math.max(this.state.onDuty, 1);
  }

  private async loadKeywords(): Promise<void> {
    try {
      const values = { site_id: this.siteId };
      const { data } = await this.identity.ask<{
        is_open: number;
        keyword_list: { keyword: string }[];
      }>("api/chat/keyword", values);
      this.state.keywords = data.is_open ? data.keyword_list.map(({ keyword }) => keyword) : [];
    } catch {
      this.state.keywords = []; // suggestions are not worth a message
    }
  }

  /** Now and then: is anybody there, and has nothing been lost on the way? */
  private async check(): Promise<void> {
    const isOpen = this.state.connection === "open";
    const isDue = Date.now() - this.checked >= (isOpen ? CHECK : CHECK_APART);
    if (document.hidden || this.state.connection === "stopped" || !isDue) return;
    this.checked = Date.now();
    try {
      const { online_count } = await this.configure();
      // Our agent has gone, or takes nobody else: to bind again tells.
      if (isOpen && this.state.agent && !online_count) return this.socket.refresh();
      this.state.onDuty = online_count;
      if (!(await this.history.isBehind())) return;
      if (isOpen) this.socket.refresh();
      else this.fill();
    } catch {
      // The banner tells of a connection that is lost.
    }
  }

  // Hearing

  private receive({ type, data }: Frame): void {
    const shop = Number(data["shop_id"] ?? this.siteId);
    if (shop !== this.siteId) return; // a member's sockets hear of all shops
    switch (type) {
      case "connect":
        this.meet(data as unknown as Agent);
        if (this.thread.current.rows.some((row) => row.type === Side.CUSTOMER && !row.servicer_id))
          this.fill();
        break;
      case "string":
      case "image":
      case "goodssku":
      case "order":
        this.hear(data as unknown as Row);
        break;
      case "read":
        this.thread.current.markRead(
          data["side"] === "servicer" ? Side.SERVICER : Side.CUSTOMER,
          Number(data["last_id"]),
        );
        break;
      case "typing":
        if (data["side"] === "servicer") this.showTyping(data["typing"] === true);
        break;
      case "recall":
        this.thread.current.recall(Number(data["id"]));
        break;
      case "close":
        this.state.hasEnded = true;
        this.showTyping(false);
        this.socket.stop();
        break;
    }
  }

  private hear(row: Row): void {
    const after = this.thread.current.lastId;
    const result = this.thread.current.receive(row);
    if (result === "gap") this.fill(after);
    if (result === "known" || row.type === Side.CUSTOMER) return;
    this.showTyping(false);
    const { servicer_id, nickname, avatar = "" } = row;
    if (servicer_id && nickname !== undefined) this.meet({ servicer_id, nickname, avatar });
    this.onMessage(row);
  }

  private showTyping(isTyping: boolean): void {
    clearTimeout(this.typingTimer);
    this.state.isTyping = isTyping;
    if (isTyping) this.typingTimer = setTimeout(() => (this.state.isTyping = false), TYPING_SHOWN);
  }

  private fill(after?: number): void {
    this.history.catchUp(after).then(
      () => this.showHistory(),
      () => this.socket.refresh(), // what is missing is asked for again when the socket is back
    );
  }

  private showHistory(): void {
    this.state.isLoaded = this.history.isLoaded;
    this.state.hasEarlier = this.history.hasEarlier;
  }

  async loadEarlier(): Promise<void> {
    if (this.state.isLoadingEarlier || !this.history.hasEarlier) return;
    this.state.isLoadingEarlier = true;
    try {
      await this.history.earlier();
    } catch {
      // The list asks again when it is scrolled; the banner tells of the connection.
    } finally {
      this.showHistory();
      this.state.isLoadingEarlier = false;
    }
  }

  // Speaking

  send(draft: Draft): void {
    this.start(); // after a logout nobody is there until there is something to say
    if (this.state.hasEnded || this.state.isReplaced) this.resume();
    this.typingTold = 0;
    this.outbox.add(draft);
  }

  retry(key: string): void {
    this.outbox.retry(key);
  }

  discard(key: string): void {
    this.outbox.discard(key);
  }

  preview(key: string): string {
    return this.outbox.preview(key);
  }

  /** Send what the customer looks at. */
  sendLook(): void {
    const { sku_id, order_id } = this.state.look;
    if (order_id) this.send({ kind: Kind.ORDER, order_id });
    else if (sku_id) this.send({ kind: Kind.GOODS, goods_sku_id: sku_id });
    this.state.look = {};
  }

  /** The customer types, or has stopped to. Told now and then only. */
  typing(isTyping: boolean): void {
    if (this.state.connection === "stopped" || !this.state.agent) return;
    const now = Date.now();
    if (isTyping ? now - this.typingTold < TYPING_TOLD : this.typingTold === 0) return;
    this.typingTold = isTyping ? now : 0;
    const values = { site_id: this.siteId, typing: isTyping };
    this.identity.ask("api/chat/typing", values).catch(() => undefined); // it is gone in a moment
  }

  /** Everything that has come has been seen. */
  async markRead(): Promise<void> {
    const thread = this.thread.current;
    if (this.isMarking || !this.unread.value || this.state.connection !== "open") return;
    this.isMarking = true;
    const last = thread.lastId;
    try {
      await this.identity.ask("api/chat/setRead", { site_id: this.siteId });
      thread.markRead(Side.CUSTOMER, last);
    } catch {
      // Asked again with the next message, or when the page is looked at.
    } finally {
      this.isMarking = false;
    }
  }

  /**
   * Take back an own message.
   *
   * Returns what went wrong, for the customer; "" for nothing.
   */
  async recall(row: Row): Promise<string> {
    try {
      await this.identity.ask("api/chat/recall", { site_id: this.siteId, id: row.id });
    } catch (error) {
      return error instanceof Refused ? translateError(error.message) : t("noAnswer");
    }
    if (row.content_type === Kind.TEXT) this.recalled.set(row.id, said(row));
    this.thread.current.recall(row.id);
    return "";
  }
}

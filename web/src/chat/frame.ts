/** How the chat stands to the world around it: who it is for, whether it is seen, and its colours. */

import { computed, reactive, watch } from "vue";

import { groundOf, legibleOn, parseColour, textOn } from "@/shared/colour";

import { Chat } from "./chat";
import { draft } from "./compose";
import { type Key, ownOr, texts, t } from "./locales";
import { OwnPage, ShopPage } from "./sources";
import { plain } from "@/shared/content";
import { chosenLocale, isLocale } from "@/shared/locale";
import { Kind, type Row, said } from "@/shared/rows";

const query = new URLSearchParams(location.search);

export const isEmbedded = window.parent !== window && query.has("embed");

export const view = reactive({
  /** Whether the customer sees the chat. */
  isOpen: !isEmbedded,
  isVisible: !document.hidden,
  /** Whether the latest message is to be seen. */
  isAtEnd: true,
  /** Whether a click on a card does something. */
  hasCards: false,
  /** What the customer is told for a moment; "" for nothing. */
  notice: "",
});

const shopPage = isEmbedded
  ? new ShopPage({
      hello(isOpen, color) {
        wantedColour = color;
        view.isOpen = isOpen;
        void ready();
      },
      token: (token) => become(token),
      look: (look) => (chat.state.look = look),
      open(isOpen) {
        view.isOpen = isOpen;
        if (isOpen) begin();
      },
      logout() {
        draft.value = "";
        chat.identity.forget();
      },
      cards: (wanted) => (view.hasCards = wanted),
    })
  : null;
const ownPage = isEmbedded ? null : new OwnPage((token) => become(token));

const siteId = number(query.get("site_id")) || 1;
export const chat = new Chat(siteId, shopPage ?? (ownPage as OwnPage));

/** Whether nothing can be said: it is not known to whom we talk, or there is no talking to them. */
export const isClosed = computed(() => chat.state.refusal !== "" || chat.state.loginEnded);

const GLANCE = 160; // characters
const NOTICE_SHOWN = 5000; // ms
let noticeTimer: ReturnType<typeof setTimeout> | undefined;
let wantedColour = "";
let isIdentified = false;
let loading: Promise<void> | null = null;

function number(text: string | null): number {
  return text && /^\d{1,10}$/.test(text) ? Number(text) : 0;
}

/** Begin: learn of the shop, and connect when it is known who the customer is. */
export function setUp(): void {
  paint();
  const lang = query.get("lang");
  if (isLocale(lang) && !chosenLocale()) texts.use(lang);
  document.addEventListener("visibilitychange", () => (view.isVisible = !document.hidden));
  watch([chat.unread, view, () => chat.state.connection], read);
  watch([chat.unread, () => view.isVisible], ([count]) => {
    shopPage?.tell({ type: "unread", count });
    showTitle();
  });
  watch([() => chat.config.current, () => texts.locale], ([config]) => {
    if (!config) return;
    paint();
    showTitle();
    announce();
  });
  chat.onMessage = (row) =>
    shopPage?.tell(
      row
        ? { type: "message", own: false, name: row.nickname || title(), text: glance(row) }
        : { type: "message", own: true, name: "", text: "" },
    );
  if (ownPage) {
    chat.state.look = {
      sku_id: number(query.get("sku_id")),
      order_id: number(query.get("order_id")),
    };
    become(ownPage.token);
  }
  void load();
}

/** Say something to the customer, for a moment. */
export function tell(notice: string): void {
  clearTimeout(noticeTimer);
  view.notice = notice;
  noticeTimer = setTimeout(() => (view.notice = ""), NOTICE_SHOWN);
}

function load(): Promise<void> {
  loading ??= chat.load().then((isThere) => {
    if (isThere) begin();
  });
  return loading;
}

async function ready(): Promise<void> {
  await load();
  paint();
  announce();
  shopPage?.tell({ type: "unread", count: chat.unread.value });
}

/** Tell the page how the shop wants it to look. */
function announce(): void {
  const widget = chat.config.current?.widget;
  if (!widget) {
    shopPage?.tell({ type: "failed", reason: `there is no shop with site_id ${siteId}` });
    return;
  }
  const color = colour();
  shopPage?.tell({
    type: "ready",
    color,
    on_color: textOn(color),
    title: title(),
    position: widget.position,
    offset_x: widget.offset_x,
    offset_y: widget.offset_y,
    lang: texts.locale,
  });
}

function become(token: string): void {
  isIdentified = true;
  chat.identity.become(token);
  begin();
}

function begin(): void {
  if (!isIdentified || chat.state.phase !== "ready") return;
  if (view.isOpen) chat.start();
  else chat.startIfTalked().catch(() => undefined); // it is connected when it is opened
}

function read(): void {
  if (view.isOpen && view.isVisible && view.isAtEnd) void chat.markRead();
}

export function close(): void {
  shopPage?.tell({ type: "close" });
}

/** A message in a few words, for a customer who has closed the chat. */
function glance(row: Row): string {
  const others: Partial<Record<Kind, Key>> = {
    [Kind.IMAGE]: "picked",
    [Kind.GOODS]: "goods",
    [Kind.ORDER]: "order",
  };
  const key = others[row.content_type];
  return key ? t(key) : plain(said(row)).slice(0, GLANCE);
}

/** A click on a card, where somebody wants to know of it. */
export function showCard(look: { sku_id?: number; order_id?: number }): void {
  if (view.hasCards) shopPage?.tell({ type: "card", look });
}

export function title(): string {
  const widget = chat.config.current?.widget;
  const own = ownOr(widget?.title ?? "", "chat", widget?.title_en);
  return own === t("chat") ? chat.config.current?.site_name || own : own;
}

function showTitle(): void {
  const count = view.isVisible ? 0 : chat.unread.value;
  document.title = (count ? `(${count}) ` : "") + title();
}

function colour(): string {
  const wanted = [wantedColour, chat.config.current?.widget.color ?? ""].find(parseColour);
  return groundOf(wanted ?? "#2563eb");
}

/** The shop's colour, and those of its kind that texts can be read in. */
export function paint(): void {
  const root = document.documentElement;
  // Of the grounds in base.css the one that is nearest to the texts on it.
  const ground = root.classList.contains("dark") ? "#1e2734" : "#f1f4f8";
  const own = colour();
  root.style.setProperty("--accent", own);
  root.style.setProperty("--on-accent", textOn(own));
  root.style.setProperty("--accent-strong", legibleOn(own, ground));
}

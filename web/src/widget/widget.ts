/**
 * `widget.js`: puts kefu's chat into a shop's page.
 *
 *     <script async src="https://kefu.example/widget.js" data-site="1"></script>
 *
 * docs/embedding.md has the attributes, and what `window.kefu` can do.
 */

import { type Look, post, readMessage, type ToChat, type ToPage } from "@/shared/embedding";

import { Panel } from "./panel";
import { languageOf, textsOf } from "./texts";

/** A customer's token, or what gets one; "" and null: nobody is logged in. */
type TokenSource = string | null | (() => string | null | Promise<string | null>);

interface Events {
  ready: undefined;
  open: undefined;
  close: undefined;
  unread: number;
  message: { own: boolean };
  card: Look;
  error: string;
}

type Listener<Name extends keyof Events> = (value: Events[Name]) => void;

export interface Kefu {
  open: () => void;
  close: () => void;
  toggle: () => void;
  /** Who the customer is from now on. A function is called again when its last token was refused. */
  setToken: (source: TokenSource) => void;
  /** What the customer looks at: a card ready to be sent. Opens the chat, unless told not to. */
  show: (look: Look, options?: { open?: boolean }) => void;
  /** Nobody; what the chat remembers of a visitor is gone, too. */
  logout: () => void;
  /** Returns what ends it. */
  on: <Name extends keyof Events>(event: Name, listener: Listener<Name>) => () => void;
  /** The chat of another service that is in this page, too. */
  service: (name: string) => Kefu | undefined;
}

/** What a page may leave in `window.kefu` before this script comes. */
interface Preset {
  token?: TokenSource;
}

declare global {
  interface Window {
    kefu?: Kefu | Preset;
  }
}

const LOAD_TIME = 20_000; // ms that the chat has to be loaded
const ANSWER_TIME = 2000; // ms that it has then to answer: it does so at once, or never
const DEFAULT_COLOR = "#2563eb";

class Widget {
  private readonly origin: string;
  private readonly panel: Panel;
  private readonly listeners: { [Name in keyof Events]?: Set<Listener<Name>> } = {};
  private source: TokenSource;
  private look: Look;
  /** Whether the chat listens; before, it learns of everything by the greeting. */
  private isGreeted = false;
  private isReady = false;
  private hasFailed = false;
  /** The customer has logged out before the chat was there. */
  private mustForget = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly data: DOMStringMap,
    address: URL,
    preset: Preset,
  ) {
    this.origin = address.origin;
    this.source = data["token"] ?? preset.token ?? null;
    this.look = { sku_id: number(data["sku"]), order_id: number(data["order"]) };
    address.searchParams.set("site_id", String(number(data["site"]) || 1));
    const plain = address.href;
    address.searchParams.set("embed", "1");
    this.panel = new Panel(address.href, plain, textsOf(this.language()), {
      toggle: () => this.toggle(),
      close: () => this.close(),
      retry: () => this.reload(),
      loaded: () => this.greet(),
    });
    window.addEventListener("message", (event) => this.receive(event));
  }

  mount(index: number): void {
    const { color, position, theme, launcher } = this.data;
    this.panel.paint(color || DEFAULT_COLOR, "");
    this.panel.shade(theme);
    if (launcher === "none") this.panel.doWithoutLauncher();
    this.panel.mount(index, position ?? "");
    this.expect(LOAD_TIME);
  }

  toggle(): void {
    if (this.panel.isOpen) this.close();
    else this.open();
  }

  open(): void {
    if (this.panel.isOpen) return;
    this.panel.open();
    this.tell({ type: "open" });
    this.emit("open", undefined);
    if (this.hasFailed) this.reload();
  }

  close(): void {
    if (!this.panel.isOpen) return;
    this.panel.close();
    this.tell({ type: "close" });
    this.emit("close", undefined);
  }

  setToken(source: TokenSource): void {
    this.source = source;
    if (this.isGreeted) void this.sendToken();
  }

  show(look: Look, options: { open?: boolean } = {}): void {
    this.look = { sku_id: number(look.sku_id), order_id: number(look.order_id) };
    this.tell({ type: "look", look: this.look });
    if (options.open !== false) this.open();
  }

  logout(): void {
    this.source = null;
    this.mustForget = !this.isGreeted;
    this.tell({ type: "logout" });
  }

  on<Name extends keyof Events>(event: Name, listener: Listener<Name>): () => void {
    const all = this.listeners as Record<Name, Set<Listener<Name>> | undefined>;
    const listeners = (all[event] ??= new Set());
    listeners.add(listener);
    if (event === "card") this.tell({ type: "cards", wanted: true });
    if (event === "ready" && this.isReady) listener(undefined as Events[Name]);
    return () => {
      listeners.delete(listener);
      if (event === "card") this.tell({ type: "cards", wanted: listeners.size > 0 });
    };
  }

  private emit<Name extends keyof Events>(event: Name, value: Events[Name]): void {
    const listeners = this.listeners[event] as Set<Listener<Name>> | undefined;
    for (const listener of [...(listeners ?? [])]) {
      try {
        listener(value);
      } catch (error) {
        console.error("kefu:", error); // one of the shop's, which must not stop ours
      }
    }
  }

  /** Of the page, as far as it says so by now. */
  private language(): string {
    return languageOf(
      this.data["lang"] ?? "",
      document.documentElement.lang,
      ...navigator.languages,
    );
  }

  /** The frame has been loaded, also for the second time: tell the chat where it is. */
  private greet(): void {
    const hasToken = Boolean(this.source);
    this.isGreeted = true;
    this.expect(ANSWER_TIME);
    this.send({
      type: "hello",
      lang: languageOf(this.data["lang"] ?? "", document.documentElement.lang),
      color: this.data["color"] ?? "",
      theme: this.data["theme"] ?? "",
      look: this.look,
      is_open: this.panel.isOpen,
      has_token: hasToken,
    });
    if (this.mustForget) this.send({ type: "logout" });
    this.mustForget = false;
    if (hasToken) void this.sendToken();
    if (this.listeners.card?.size) this.send({ type: "cards", wanted: true });
  }

  private async sendToken(): Promise<void> {
    const source = this.source;
    let token: string | null = null;
    try {
      token = (typeof source === "function" ? await source() : source) || "";
    } catch (error) {
      this.emit("error", `token: ${String(error)}`);
    }
    if (source === this.source) this.tell({ type: "token", token });
  }

  /** Say something to the chat, if it is there by now. */
  private tell(message: ToChat): void {
    if (this.isGreeted) this.send(message);
  }

  private send(message: ToChat): void {
    const chat = this.panel.frame.contentWindow;
    if (chat) post(chat, this.origin, message);
  }

  private receive(event: MessageEvent): void {
    if (event.source !== this.panel.frame.contentWindow || event.origin !== this.origin) return;
    const message = readMessage<ToPage>(event);
    switch (message?.type) {
      case "here":
        clearTimeout(this.timer);
        this.hasFailed = false; // it was slow
        this.isGreeted = true;
        this.panel.showChat();
        break;
      case "ready":
        this.begin(message);
        break;
      case "failed":
        this.complain(message.reason);
        break;
      case "unread":
        this.panel.showUnread(message.count);
        this.emit("unread", message.count);
        break;
      case "need-token":
        void this.sendToken();
        break;
      case "close":
        this.close();
        break;
      case "card":
        this.emit("card", message.look);
        break;
      case "message":
        if (!message.own) this.panel.preview(message.name, message.text);
        this.emit("message", { own: message.own });
        break;
    }
  }

  private begin(told: Extract<ToPage, { type: "ready" }>): void {
    const isFirst = !this.isReady;
    this.isReady = true;
    this.panel.speak(textsOf(told.lang), told.title);
    this.panel.paint(told.color, told.on_color);
    this.panel.place(this.data["position"] || told.position, told.offset_x, told.offset_y);
    this.panel.reveal();
    if (isFirst) this.emit("ready", undefined);
  }

  private reload(): void {
    this.hasFailed = false;
    this.isGreeted = false;
    this.panel.showWaiting();
    this.panel.load();
    this.expect(LOAD_TIME);
  }

  /** Say that it has failed, unless the chat answers within so many milliseconds. */
  private expect(time: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.hasFailed = true;
      this.isGreeted = false;
      this.panel.showFailure();
      // Browsers do not tell a page why a frame in it stays empty.
      this.complain(
        `the chat of ${this.origin} cannot be shown in this page: it is not running, or its ` +
          `setting servicer.cors_origins lacks "${location.origin}" (docs/embedding.md)`,
      );
    }, time);
  }

  /** For developers. */
  private complain(reason: string): void {
    this.panel.reveal();
    console.warn("kefu:", reason);
    this.emit("error", reason);
  }
}

function number(value: unknown): number {
  const text = String(value ?? "");
  return /^\d{1,10}$/.test(text) ? Number(text) : 0;
}

function isKefu(value: Kefu | Preset | undefined): value is Kefu {
  return value !== undefined && "toggle" in value;
}

function api(widget: Widget, service: Kefu["service"]): Kefu {
  return {
    open: () => widget.open(),
    close: () => widget.close(),
    toggle: () => widget.toggle(),
    setToken: (source) => widget.setToken(source),
    show: (look, options) => widget.show(look, options),
    logout: () => widget.logout(),
    on: (event, listener) => widget.on(event, listener),
    service,
  };
}

const services = Symbol.for("kefu.services");
type Shared = Kefu & { [services]: Map<string, Kefu> };

function install(): void {
  const script =
    document.currentScript instanceof HTMLScriptElement
      ? document.currentScript
      : document.querySelector<HTMLScriptElement>('script[src*="widget.js"]');
  if (!script) return;
  const address = new URL("chat", script.src);
  const service = address.pathname.split("/").slice(-2)[0] || "servicer";
  const before = window.kefu;
  const shared = isKefu(before) ? (before as Shared) : null;
  const known = shared?.[services] ?? new Map<string, Kefu>();
  if (known.has(service)) {
    console.warn("kefu:", script.src, "is in this page twice");
    return;
  }
  const widget = new Widget(script.dataset, address, isKefu(before) ? {} : (before ?? {}));
  const own = api(widget, (name) => known.get(name));
  const index = known.size;
  known.set(service, own);
  if (!shared) window.kefu = Object.defineProperty(own, services, { value: known });
  const mount = (): void => {
    widget.mount(index);
    window.dispatchEvent(new CustomEvent("kefu", { detail: own }));
  };
  if (document.body) mount();
  else document.addEventListener("DOMContentLoaded", mount, { once: true });
}

install();

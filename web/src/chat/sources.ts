/** Where the customer's token comes from: the page around the chat, or this page's own address. */

import { texts } from "./locales";
import { chosenLocale, isLocale } from "@/shared/locale";
import { type Look, post, readMessage, type ToChat, type ToPage } from "@/shared/embedding";
import { service } from "@/shared/service";
import { theme, type Theme } from "@/shared/theme";

import type { Source } from "./identity";

const ANSWER_TIME = 20_000; // ms that the page has to bring a new token
const STORED = `kefu.${service}.member`;

/** The chat has this window for itself. */
export class OwnPage implements Source {
  /** The token after `#token=`, or that of this tab's last life; "" for none. Out of the address. */
  readonly token: string;

  /** `changed`: the shop has opened the page once more, in this window, with another token. */
  constructor(changed: (token: string) => void) {
    this.token = this.given() ?? this.stored();
    window.addEventListener("hashchange", () => {
      const token = this.given();
      if (token !== null) changed(token);
    });
  }

  private given(): string | null {
    const given = new URLSearchParams(location.hash.slice(1)).get("token");
    if (given === null) return null;
    history.replaceState(null, "", location.pathname + location.search);
    this.keep(given);
    return given;
  }

  private stored(): string {
    try {
      return sessionStorage.getItem(STORED) ?? "";
    } catch {
      return "";
    }
  }

  renew(): Promise<null> {
    return Promise.resolve(null);
  }

  keep(token: string): void {
    try {
      if (token) sessionStorage.setItem(STORED, token);
      else sessionStorage.removeItem(STORED);
    } catch {
      // Storage is switched off: then a reload has to come with a token.
    }
  }
}

export interface Handlers {
  hello: (isOpen: boolean, color: string) => void;
  token: (token: string) => void;
  look: (look: Look) => void;
  open: (isOpen: boolean) => void;
  logout: () => void;
  /** Whether the page wants to know of cards that are clicked. */
  cards: (wanted: boolean) => void;
}

/** The chat is in a frame of a shop's page, which gave itself away by its `hello`. */
export class ShopPage implements Source {
  private origin: string | null = null;
  private answered: ((token: string | null) => void) | null = null;

  constructor(private readonly handlers: Handlers) {
    window.addEventListener("message", (event) => this.receive(event));
  }

  tell(message: ToPage): void {
    if (this.origin !== null) post(window.parent, this.origin, message);
  }

  renew(): Promise<string | null> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), ANSWER_TIME);
      this.answered = (token) => {
        clearTimeout(timer);
        this.answered = null;
        resolve(token);
      };
      this.tell({ type: "need-token" });
    });
  }

  keep(): void {
    // The page has its own, and is asked when this one ends.
  }

  private receive(event: MessageEvent): void {
    // The browser lets pages of the configured origins only be our parent.
    if (event.source !== window.parent) return;
    const message = readMessage<ToChat>(event);
    if (message?.type === "hello") this.origin ??= event.origin;
    if (!message || event.origin !== this.origin) return;
    switch (message.type) {
      case "hello":
        this.tell({ type: "here" });
        if (isLocale(message.lang) && !chosenLocale()) texts.use(message.lang);
        if (theme.value === "auto") theme.value = themeOf(message.theme);
        this.handlers.look(message.look);
        if (!message.has_token) this.handlers.token("");
        this.handlers.hello(message.is_open, message.color);
        break;
      case "token":
        if (this.answered) this.answered(message.token);
        else this.handlers.token(message.token ?? "");
        break;
      case "look":
        this.handlers.look(message.look);
        break;
      case "open":
      case "close":
        this.handlers.open(message.type === "open");
        break;
      case "logout":
        this.handlers.logout();
        break;
      case "cards":
        this.handlers.cards(message.wanted);
        break;
    }
  }
}

function themeOf(text: string): Theme {
  return text === "light" || text === "dark" ? text : "auto";
}

/** What the script puts into the page: a launcher, and the frame with the chat. */

import { textOn } from "@/shared/colour";

import { dress, FULL_SCREEN } from "./style";
import type { Texts } from "./texts";

const STEP = 76; // pixels between the launchers of several services
const OFFSET = 20; // pixels between the launcher and the edges of the page
const SHOWN_AFTER = 4000; // ms, where the chat does not answer

const SVG = "http://www.w3.org/2000/svg";

function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className = "",
  text = "",
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function icon(className: string, path: string): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", className);
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

export interface Handlers {
  toggle: () => void;
  close: () => void;
  retry: () => void;
  loaded: () => void;
}

export class Panel {
  readonly frame = element("iframe");
  private readonly host = element("div");
  private readonly box = element("div", "right");
  private readonly launcher = element("button", "launcher waiting");
  private readonly badge = element("span", "badge");
  private readonly status = element("span", "status");
  private readonly teaser = element("div", "teaser");
  private readonly panel = element("div", "panel");
  private readonly notice = element("div", "notice");
  private readonly fullScreen = matchMedia(FULL_SCREEN);
  /** Of the page, while it must not scroll behind the chat. */
  private overflow: string | null = null;
  private unread = 0;
  /** What had the focus when the chat was opened, and gets it back. */
  private opener: Element | null = null;
  private title = "";
  private index = 0;
  isOpen = false;

  constructor(
    private readonly address: string,
    private readonly plainAddress: string,
    private texts: Texts,
    private readonly handlers: Handlers,
  ) {
    const root = this.host.attachShadow({ mode: "open" });
    dress(root);
    this.launcher.type = "button";
    this.launcher.append(
      icon("c", "M4 5h16v11H11l-5 4v-4H4V5Z"),
      icon("x", "m6 6 12 12M18 6 6 18"),
      this.badge,
    );
    this.frame.addEventListener("load", () => this.frame.src && handlers.loaded());
    this.panel.setAttribute("role", "dialog");
    this.status.setAttribute("role", "status");
    this.panel.append(this.frame, this.notice);
    this.teaser.hidden = true;
    this.box.append(this.launcher, this.status, this.teaser, this.panel);
    root.append(this.box);
    this.launcher.addEventListener("click", () => handlers.toggle());
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.isOpen) handlers.close();
    });
    window.visualViewport?.addEventListener("resize", () => this.fit());
    window.visualViewport?.addEventListener("scroll", () => this.fit());
    this.fullScreen.addEventListener("change", () => this.holdPage());
    this.describe();
    this.showWaiting();
  }

  /** Put it into the page, above the launchers that are there. */
  mount(index: number, position: string): void {
    this.host.style.setProperty("position", "fixed");
    this.host.style.setProperty("z-index", String(2147483000 - index));
    this.index = index;
    this.place(position, OFFSET, OFFSET);
    document.body.append(this.host);
    this.load();
    setTimeout(() => this.reveal(), SHOWN_AFTER);
  }

  reveal(): void {
    this.launcher.classList.remove("waiting");
  }

  /** Load the chat, or load it anew. */
  load(): void {
    this.frame.src = this.address;
  }

  /** How the shop wants it to look. */
  paint(color: string, onColor: string): void {
    this.box.style.setProperty("--color", color);
    this.box.style.setProperty("--on-color", onColor || textOn(color));
  }

  /** Where the shop wants it: `left` or right, and so many pixels from the edges. */
  place(position: string, x: number, y: number): void {
    this.box.classList.toggle("left", position === "left");
    this.box.classList.toggle("right", position !== "left");
    this.box.style.setProperty("--x", `${x}px`);
    this.box.style.setProperty("--bottom", `${y + this.index * STEP}px`);
  }

  /** Light or dark until the chat is there; anything else: as the customer's system. */
  shade(theme: string | undefined): void {
    const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
    this.box.classList.toggle("dark", theme === "dark" || (theme !== "light" && isDark));
  }

  /** The page has its own way to open the chat. */
  doWithoutLauncher(): void {
    this.box.classList.add("bare");
  }

  /** The chat has said in which language it speaks, and what it is called. */
  speak(texts: Texts, title: string): void {
    this.texts = texts;
    this.title = title;
    this.describe();
  }

  /** Show what has come beside a launcher whose chat is closed. */
  preview(name: string, text: string): void {
    if (this.isOpen) return;
    const open = element("button", "words");
    open.type = "button";
    open.append(element("b", "", name), element("span", "", text));
    open.addEventListener("click", () => this.handlers.toggle());
    const dismiss = element("button", "dismiss");
    dismiss.type = "button";
    dismiss.setAttribute("aria-label", this.texts.dismiss);
    dismiss.append(icon("", "m7 7 10 10M17 7 7 17"));
    dismiss.addEventListener("click", () => {
      this.teaser.hidden = true;
      this.launcher.focus();
    });
    this.teaser.replaceChildren(open, dismiss);
    this.teaser.hidden = false;
  }

  open(): void {
    this.isOpen = true;
    this.teaser.hidden = true;
    this.opener = document.activeElement;
    this.box.classList.add("open");
    this.holdPage();
    this.fit();
    this.describe();
    this.frame.focus();
  }

  close(): void {
    const hadFocus = document.activeElement === this.host;
    this.isOpen = false;
    this.box.classList.remove("open");
    this.holdPage();
    this.describe();
    if (!hadFocus) return;
    const opener = this.opener;
    if (opener instanceof HTMLElement && opener !== this.host && opener !== document.body)
      opener.focus();
    else this.launcher.focus();
  }

  showUnread(count: number): void {
    this.unread = count;
    if (!count) this.teaser.hidden = true; // read in another window
    // Not as text: the number is in the launcher's label, in words.
    this.badge.dataset["count"] = count > 99 ? "99+" : count > 0 ? String(count) : "";
    this.describe();
  }

  showChat(): void {
    this.notice.hidden = true;
  }

  showWaiting(): void {
    this.notice.hidden = false;
    this.notice.replaceChildren(element("div", "spinner"), this.closer());
  }

  showFailure(): void {
    const retry = element("button", "", this.texts.retry);
    retry.type = "button";
    retry.addEventListener("click", () => this.handlers.retry());
    const link = element("a", "", this.texts.newWindow);
    link.href = this.plainAddress;
    link.target = "_blank";
    link.rel = "noopener";
    this.notice.hidden = false;
    this.notice.replaceChildren(element("span", "", this.texts.failed), retry, link, this.closer());
  }

  /** On a telephone there is no launcher beside the panel, and the chat's own is not there yet. */
  private closer(): HTMLElement {
    const closer = element("button", "closer");
    closer.type = "button";
    closer.setAttribute("aria-label", this.texts.close);
    closer.append(icon("", "m6 6 12 12M18 6 6 18"));
    closer.addEventListener("click", () => this.handlers.close());
    return closer;
  }

  private describe(): void {
    const { open, close, unread } = this.texts;
    const count = this.unread && !this.isOpen ? `${this.unread} ${unread}` : "";
    this.launcher.setAttribute(
      "aria-label",
      (this.isOpen ? close : open) + (count && ` (${count})`),
    );
    if (this.status.textContent !== count) this.status.textContent = count;
    this.frame.title = this.title || open;
    this.panel.setAttribute("aria-label", this.title || open);
    this.launcher.setAttribute("aria-expanded", String(this.isOpen));
  }

  /** On a telephone the page behind the chat does not move. */
  private holdPage(): void {
    const isHeld = this.isOpen && this.fullScreen.matches;
    this.panel.setAttribute("aria-modal", String(isHeld));
    const style = document.documentElement.style;
    if (isHeld && this.overflow === null) {
      this.overflow = style.getPropertyValue("overflow");
      style.setProperty("overflow", "hidden");
    } else if (!isHeld && this.overflow !== null) {
      style.setProperty("overflow", this.overflow);
      this.overflow = null;
    }
  }

  /** Keep to what a telephone's keyboard leaves. Only the outermost page is told of that. */
  private fit(): void {
    const viewport = window.visualViewport;
    if (!viewport || !this.isOpen || viewport.scale > 1.01) return;
    this.box.style.setProperty("--top", `${Math.round(viewport.offsetTop)}px`);
    this.box.style.setProperty("--height", `${Math.round(viewport.height)}px`);
  }
}

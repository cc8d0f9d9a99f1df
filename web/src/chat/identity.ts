/** Who the customer is: a member by the shop's token, or a visitor by one of ours. */

import { type Answer, call, Refused, type Values } from "@/shared/api";
import { read, write } from "@/shared/locale";
import { service } from "@/shared/service";

/** The member's token was refused, and the shop's page has no other. */
export class LoginEnded extends Error {
  constructor() {
    super("login ended");
    this.name = "LoginEnded";
  }
}

/** Where members' tokens come from, and go to where there is no page around the chat. */
export interface Source {
  /** The page's next token; "" for nobody; null where there is none to be had. */
  renew: () => Promise<string | null>;
  /** The server has given a fresh one in place of the last. */
  keep: (token: string) => void;
}

export interface Handlers {
  /**
   * Another token from now on, and another history. It may be the same person all the same: a
   * visitor who has logged in.
   */
  changed: (isSamePerson: boolean) => void;
  /** The member's token was refused, and there is no other until `become` brings one. */
  ended: () => void;
}

const VISITOR = `kefu.${service}.visitor`;

export class Identity {
  private member = "";
  private renewing: Promise<void> | null = null;
  private making: Promise<string> | null = null;
  private hasEnded = false;
  /** Where this browser's storage is switched off. */
  private unstored = "";

  constructor(
    private readonly source: Source,
    private readonly handlers: Handlers,
  ) {
    window.addEventListener("storage", (event) => this.hearOtherTab(event));
  }

  get isMember(): boolean {
    return this.member !== "";
  }

  /** Of a member, whatever says which one; "" for visitors. */
  get person(): string {
    return this.member && subject(this.member);
  }

  /** Whether there is anybody yet: else whoever asks first becomes a visitor. */
  get isKnown(): boolean {
    return this.isMember || this.visitorToken !== "";
  }

  /** Of who talked here before logging in; "" for nobody. */
  get visitorToken(): string {
    return read(VISITOR) ?? this.unstored;
  }

  /** The visitor's messages are the member's from now on. */
  forgetVisitor(): void {
    this.keepVisitor("");
  }

  /** The page says who it is; "": a visitor. */
  become(token: string): void {
    if (token === this.member && !this.hasEnded) return;
    const before = this.person;
    const hadEnded = this.hasEnded;
    this.hasEnded = false;
    this.member = token;
    if (this.person !== before) this.handlers.changed(before === "");
    else if (hadEnded) this.handlers.changed(true);
  }

  /** Nobody, and what this browser remembered is gone. */
  forget(): void {
    this.hasEnded = false;
    this.member = "";
    this.forgetVisitor();
    this.handlers.changed(false);
  }

  /** Go on as a visitor after the login has ended. */
  becomeGuest(): void {
    this.hasEnded = false;
    this.member = "";
    this.handlers.changed(true);
  }

  /**
   * Call an endpoint as the customer. A refused token is replaced, once.
   *
   * Raises what `call` does, and LoginEnded.
   */
  async ask<T>(path: string, values: Values = {}, timeout?: number): Promise<Answer<T>> {
    const token = await this.token();
    try {
      return this.take(token, await call<T>(path, { ...values, token }, timeout));
    } catch (error) {
      if (!(error instanceof Refused && error.isToken)) throw error;
    }
    await this.replace(token);
    const next = await this.token();
    return this.take(next, await call<T>(path, { ...values, token: next }, timeout));
  }

  private async token(): Promise<string> {
    if (this.hasEnded) throw new LoginEnded();
    if (this.member) return this.member;
    const visitor = this.visitorToken;
    if (visitor) return visitor;
    this.making ??= this.alone(() => this.makeVisitor()).finally(() => (this.making = null));
    return this.making;
  }

  /** Not while another tab does the same, where the browser lets pages know of each other. */
  private async alone(make: () => Promise<string>): Promise<string> {
    let isOurs = false;
    const run = (): Promise<string> => {
      isOurs = true;
      return make();
    };
    try {
      return await navigator.locks.request(VISITOR, run);
    } catch (error) {
      if (isOurs) throw error;
      return make(); // not on https, or storage is switched off
    }
  }

  private async makeVisitor(): Promise<string> {
    const known = this.visitorToken; // another tab's
    if (known) return known;
    const { data } = await call<{ token: string }>("api/chat/visitor");
    this.keepVisitor(data.token);
    return data.token;
  }

  private take<T>(token: string, answer: Answer<T>): Answer<T> {
    const fresh = answer.refreshtoken;
    if (fresh && token === this.member) {
      this.member = fresh;
      this.source.keep(fresh);
    } else if (fresh && token === this.visitorToken) {
      this.keepVisitor(fresh);
    }
    return answer;
  }

  private keepVisitor(token: string): void {
    this.unstored = token;
    write(VISITOR, token || null);
  }

  /** See to another token than the refused one. */
  private async replace(refused: string): Promise<void> {
    if (refused === this.visitorToken && !this.member) {
      this.forgetVisitor();
      this.handlers.changed(true);
      return;
    }
    if (refused !== this.member) return; // another request has seen to it
    if (this.hasEnded) throw new LoginEnded(); // or has learnt that there is no other
    this.renewing ??= this.renew(refused).finally(() => (this.renewing = null));
    await this.renewing;
  }

  private async renew(refused: string): Promise<void> {
    const next = await this.source.renew();
    if (this.member !== refused) return; // the page has told meanwhile
    if (next === null || next === refused) {
      this.hasEnded = true;
      this.source.keep("");
      this.handlers.ended();
      throw new LoginEnded();
    }
    this.become(next);
  }

  /** The visitor has logged in, or out, in another tab. */
  private hearOtherTab({ key, oldValue, newValue }: StorageEvent): void {
    if (key !== VISITOR || this.isMember || !oldValue) return;
    if (newValue && subject(newValue) === subject(oldValue)) return; // a fresh token, the same visitor
    this.unstored = "";
    this.handlers.changed(false);
  }
}

/** Whom a token is of. Not checked: the server does that. */
function subject(token: string): string {
  try {
    const part = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    return String((JSON.parse(atob(part)) as { sub?: unknown }).sub ?? token);
  } catch {
    return token;
  }
}

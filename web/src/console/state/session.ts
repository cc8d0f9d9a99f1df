/** Who is logged in, and what they ask of the server. */

import { shallowReactive } from "vue";

import { call, LoggedOut, type Values } from "@/shared/api";

import type { Me } from "../data";

interface Session {
  /** undefined: not known yet; null: nobody. */
  me: Me | null | undefined;
  /** Why nobody is: the login ended by itself, or by one elsewhere. */
  why: "" | "ended" | "elsewhere";
}

export const session: Session = shallowReactive({ me: undefined, why: "" });

/** Call an agents' endpoint; see `call` for what it raises. */
export async function ask<T>(path: string, values: Values = {}, timeout?: number): Promise<T> {
  return (await answer<T>(path, values, timeout)).data;
}

/** As `ask`, with the message beside the data. */
export async function answer<T>(path: string, values: Values = {}, timeout?: number) {
  try {
    return await call<T>(`servicer/${path}`, values, timeout);
  } catch (error) {
    if (error instanceof LoggedOut && session.me && !session.why) leave("ended");
    throw error;
  }
}

/** Find out who is logged in. Raises what `call` does but LoggedOut. */
export async function find(): Promise<void> {
  try {
    session.me = await ask<Me>("index/me");
    session.why = "";
  } catch (error) {
    if (!(error instanceof LoggedOut)) throw error;
    session.me = null;
  }
}

export async function logIn(values: Values): Promise<void> {
  await call("servicer/login/login", values);
  await find();
}

export async function logOut(): Promise<void> {
  try {
    await call("servicer/login/logout");
  } catch (error) {
    if (!(error instanceof LoggedOut)) throw error; // it answers with the way to the login
  }
  leave("");
}

/** Nobody is logged in any more. */
export function leave(why: Session["why"]): void {
  session.why = why;
  session.me = null;
}

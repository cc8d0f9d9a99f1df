/** Who is logged in, and what they ask of the server. */

import { ref } from "vue";

import { call, LoggedOut, type Values } from "@/shared/api";
import { read, write } from "@/shared/i18n";

/** First part of the endpoints' paths: of a shop's back office, and of the platform's. */
export type Door = "shop" | "admin";

export interface Me {
  uid: number;
  username: string;
  role: "shop" | "platform";
  site_id: number;
  site_name: string;
  time_zone: string;
}

const KEY = "kefu.admin.door";

export const door = ref<Door>(read(KEY) === "admin" ? "admin" : "shop");

/** undefined: not known yet. */
export const me = ref<Me | null>();

/** Whether a login has ended while the page was open. */
export const hasEnded = ref(false);

/** Call an endpoint of one's own back office; see `call` for what it raises. */
export async function ask<T>(path: string, values: Values = {}): Promise<T> {
  try {
    return (await call<T>(`${door.value}/${path}`, values)).data;
  } catch (error) {
    if (error instanceof LoggedOut && me.value) {
      me.value = null;
      hasEnded.value = true;
    }
    throw error;
  }
}

/** Find out who is logged in: where one was last, else at the other door. */
export async function find(): Promise<void> {
  const last = door.value;
  for (const one of [last, last === "shop" ? "admin" : "shop"] as const) {
    try {
      me.value = (await call<Me>(`${one}/index/me`)).data;
      door.value = one;
      return;
    } catch (error) {
      if (!(error instanceof LoggedOut)) throw error;
    }
  }
  me.value = null;
}

/** Log in; the server's refusals are the caller's. */
export async function logIn(at: Door, values: Values): Promise<void> {
  await call(`${at}/login/login`, values);
  door.value = at;
  write(KEY, at);
  hasEnded.value = false;
  me.value = await ask<Me>("index/me");
}

export async function logOut(): Promise<void> {
  try {
    await call(`${door.value}/login/logout`);
  } catch (error) {
    if (!(error instanceof LoggedOut)) throw error; // it answers with the way to the login
  }
  me.value = null;
}

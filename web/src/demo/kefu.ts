/** The chat in this page, by the same `window.kefu` that every shop's page has. */

import { reactive } from "vue";

import type { Look } from "@/shared/embedding";
import type { Kefu } from "@/widget/widget";

import { state, token } from "./shop";

export const chat = reactive({ isThere: false, unread: 0 });

/** The script is loaded beside this one: it may be there already, or come later. */
const kefu = new Promise<Kefu>((resolve) => {
  if (window.kefu && "toggle" in window.kefu) resolve(window.kefu);
  else window.addEventListener("kefu", () => resolve(window.kefu as Kefu), { once: true });
});

export async function setUp(): Promise<void> {
  identify();
  const there = await kefu;
  chat.isThere = true;
  there.on("unread", (count) => (chat.unread = count));
  there.on("card", ({ sku_id = 0 }) => {
    const found = state.shop?.goods.find(({ skus }) => skus.some((sku) => sku.sku_id === sku_id));
    if (found) location.hash = `#/goods/${found.goods_id}`;
  });
}

/** Tell the chat who has logged in. The function is called again when its last token has ended. */
export function identify(): void {
  const { memberId } = state;
  if (memberId) void kefu.then((there) => there.setToken(() => token(memberId)));
}

export function logOut(): void {
  void kefu.then((there) => there.logout());
}

export function toggle(): void {
  void kefu.then((there) => there.toggle());
}

/** The customer asks about something: the chat opens, with its card ready to be sent. */
export function ask(look: Look): void {
  void kefu.then((there) => there.show(look));
}

/** The customer looks at something, and may ask about it later; `{}`: at nothing any more. */
export function lookAt(look: Look): void {
  void kefu.then((there) => there.show(look, { open: false }));
}

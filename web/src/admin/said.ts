/** Stored messages in one line, and where in it something was found. */

import { plain } from "@/shared/content";
import { Kind, said, Side } from "@/shared/rows";

import type { Message } from "./archive";
import { t } from "./i18n";

/** What a message says, in words. */
export function inWords(message: Message): string {
  switch (message.content_type) {
    case Kind.GOODS:
      return t("history.goods", { name: message.goods_name ?? `#${message.goods_sku_id}` });
    case Kind.ORDER:
      return t("history.order", { name: message.order_no ?? `#${message.order_id}` });
    case Kind.IMAGE:
      return t("history.picture");
    default:
      return plain(said(message));
  }
}

export function customerOf(message: Message): string {
  return message.member_name || `#${message.member_id}`;
}

/** The agent who said it or was told; the shop itself answers to keywords. */
export function agentOf(message: Message): string {
  if (message.automatic) return t("history.shop");
  if (message.servicer_id) return message.nickname || `#${message.servicer_id}`;
  return message.type === Side.SERVICER ? t("history.agent") : t("history.waiting");
}

export interface Part {
  text: string;
  isMatch: boolean;
}

const BEFORE = 40; // characters before the first match, where a text is long

/** A text in parts, those that were looked for apart from the others. */
export function marked(text: string, wanted: string): Part[] {
  const needle = wanted.trim().toLowerCase();
  if (!needle) return [{ text, isMatch: false }];
  const first = text.toLowerCase().indexOf(needle);
  const shown = first > 2 * BEFORE ? `…${text.slice(first - BEFORE)}` : text;
  const folded = shown.toLowerCase();
  // A few letters change their length with their case; then nothing is marked.
  if (folded.length !== shown.length) return [{ text: shown, isMatch: false }];
  const parts: Part[] = [];
  let from = 0;
  for (let at = folded.indexOf(needle); at >= 0; at = folded.indexOf(needle, from)) {
    if (at > from) parts.push({ text: shown.slice(from, at), isMatch: false });
    from = at + needle.length;
    parts.push({ text: shown.slice(at, from), isMatch: true });
  }
  if (from < shown.length) parts.push({ text: shown.slice(from), isMatch: false });
  return parts;
}

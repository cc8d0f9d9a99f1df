/** What agents of the shop often say. */

import { plain } from "@/shared/content";

import { ask } from "./session";

const LIFE = 30_000; // ms; back offices change them now and then

let known: { at: number; replies: Promise<string[]> } | null = null;

/** Raises what `call` does. */
export function quickReplies(): Promise<string[]> {
  if (known && Date.now() - known.at < LIFE) return known.replies;
  const replies = ask<{ content: string }[]>("config/fastList").then((rows) =>
    rows.map(({ content }) => plain(content)),
  );
  known = { at: Date.now(), replies };
  replies.catch(() => (known = null));
  return replies;
}

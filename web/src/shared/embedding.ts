/**
 * What the script in a shop's page (widget/) and the chat in its frame (chat/) tell each other by
 * `postMessage`. The page begins with `hello`, to the chat's origin; the chat answers to whoever
 * frames it: the browser lets only the configured origins do that (`frame-ancestors`).
 */

/** What the customer looks at: goods or an order. */
export interface Look {
  sku_id?: number;
  order_id?: number;
}

export type ToChat =
  | {
      type: "hello";
      /** Language of the page, "" for the browser's. */
      lang: string;
      /** Instead of the colour that the shop has set; "" for that one. */
      color: string;
      /** `light` or `dark`, where the page is so; "": as the customer's system. */
      theme: string;
      look: Look;
      is_open: boolean;
      /** Whether a `token` follows; else the customer is a visitor. */
      has_token: boolean;
    }
  /** "": nobody is logged in; null: the page could not get one. Also the answer to `need-token`. */
  | { type: "token"; token: string | null }
  | { type: "look"; look: Look }
  | { type: "open" }
  | { type: "close" }
  | { type: "logout" }
  /** Whether the page wants to know of cards that are clicked. */
  | { type: "cards"; wanted: boolean };

export type ToPage =
  /** At once, to `hello`: the chat can be shown, and says by itself what it waits for. */
  | { type: "here" }
  /** It is known how the shop wants it to look. Again whenever something of that changes. */
  | {
      type: "ready";
      color: string;
      on_color: string;
      title: string;
      position: "left" | "right";
      /** Pixels between the launcher and the edges of the page. */
      offset_x: number;
      offset_y: number;
      /** In which the chat speaks. */
      lang: string;
    }
  /** There will be no `ready`; the reason is for developers. */
  | { type: "failed"; reason: string }
  | { type: "unread"; count: number }
  /** The last token was refused. */
  | { type: "need-token" }
  | { type: "close" }
  | { type: "card"; look: Look }
  /** A message was sent (own), or has come: of whom, and how it begins. */
  | { type: "message"; own: boolean; name: string; text: string };

const MARK = "kefu";

export function post(to: Window, origin: string, message: ToChat | ToPage): void {
  to.postMessage({ [MARK]: 1, ...message }, origin);
}

/** The message of an event, null for somebody else's. The caller checks its source and origin. */
export function readMessage<T extends ToChat | ToPage>(event: MessageEvent): T | null {
  const data: unknown = event.data;
  if (typeof data !== "object" || data === null) return null;
  const record = data as Record<string, unknown>;
  return record[MARK] === 1 && typeof record["type"] === "string" ? (record as unknown as T) : null;
}

/** What the API calls a dialogue: one message, as it is stored and pushed. */

export enum Side {
  CUSTOMER = 0,
  SERVICER = 1,
}

export enum Kind {
  TEXT = 0,
  GOODS = 1,
  ORDER = 2,
  IMAGE = 3,
}

export interface Row {
  id: number;
  member_id: number;
  servicer_id: number;
  shop_id: number;
  /** Who said it. */
  type: Side;
  content_type: Kind;
  /** Unix time, seconds. */
  add_time: number;
  /** HTML, or the path of an image. */
  consumer_say: string;
  servicer_say: string;
  goods_sku_id: number;
  order_id: number;
  /** 1: the other side has read it. */
  read: number;
  /** 1: taken back; what it said is gone. */
  recalled?: number;
  /** The message before it in this conversation, 0 for none; only in pushes and answers. */
  prev_id?: number;
  /** Of the agent who said it. */
  nickname?: string;
  avatar?: string;
}

export interface Page<T> {
  page_count: number;
  count: number;
  list: T[];
}

/** What was said, whoever said it. */
export function said(row: Pick<Row, "type" | "consumer_say" | "servicer_say">): string {
  return row.type === Side.CUSTOMER ? row.consumer_say : row.servicer_say;
}

/** What `dialogs` tells of a message's goods or order; pushes do not. */
export interface CardFields {
  goods_name?: string | null;
  sku_name?: string | null;
  sku_image?: string | null;
  price?: string | null;
  order_no?: string | null;
  order_money?: string | null;
  order_status_name?: string | null;
}

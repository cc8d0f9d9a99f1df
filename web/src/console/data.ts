/** What the agents' endpoints answer. */

import type { CardFields, Kind, Row, Side } from "@/shared/rows";

export interface Me {
  servicer_id: number;
  username: string;
  nickname: string;
  avatar: string;
  site_id: number;
  site_name: string;
  accepting: number;
  websocket_url: string;
  time_zone: string;
  /** Seconds; 0: messages cannot be taken back. */
  recall_window: number;
}

/** The last message of a conversation, as lists show it. */
export interface Last {
  id: number;
  add_time: number;
  content_type: Kind;
  consumer_say: string;
  servicer_say: string;
  type: Side;
  servicer_id: number;
  recalled?: number;
}

/** A row of `index/memberList`. */
export interface TalkRow extends Omit<Last, "id"> {
  last_id: number;
  member_id: number;
  member_name: string;
  headimg: string;
  online: number;
  unread: number;
  unassigned: number;
  login_type_name?: string;
}

/** A row of `index/index`, and what `connect` brings. */
export interface PairRow {
  member_id: number;
  servicer_id: number;
  member_name: string;
  headimg: string;
  online: number;
  last_online_time: number;
  last_dialog?: Row | [];
}

export type DialogRow = Row & CardFields;

export interface MemberInfo {
  member_id: number;
  nickname: string;
  headimg: string;
  mobile: string;
  member_level_name: string;
  balance: string;
  balance_money: string;
  total_balance: string;
  login_type: string;
  login_type_name: string;
}

export interface Sku {
  sku_id: number;
  goods_id: number;
  goods_name: string;
  sku_name: string;
  sku_image: string;
  price: string;
  stock: number;
  sale_num: number;
  goods_state: number;
  /** Unix time, seconds; of browsed goods. */
  browse_time?: number;
  /** Of bought goods. */
  num?: number;
}

export interface OrderLine {
  order_goods_id: number;
  sku_id: number;
  sku_name: string;
  sku_image: string;
  price: string;
  num: number;
  refund_status_name: string;
}

export interface Order {
  order_id: number;
  order_no: string;
  order_money: string;
  order_status: number;
  order_status_name: string;
  delivery_money: string;
  create_time: number;
  nickname: string;
  mobile: string;
  full_address: string;
  address: string;
  remark: string;
  pay_type_name: string;
  order_goods: OrderLine[];
}

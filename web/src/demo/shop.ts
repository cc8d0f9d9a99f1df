/** What the shop front knows: its goods, who the customer is, and where in the shop. */

import { computed, reactive } from "vue";

import { read, write } from "@/shared/locale";
import { service } from "@/shared/service";

export interface Sku {
  sku_id: number;
  goods_name: string;
  /** Begins with `goods_name`. */
  sku_name: string;
  sku_image: string;
  price: string;
  stock: number;
  introduction: string;
}

export interface Goods {
  goods_id: number;
  goods_name: string;
  goods_image: string;
  sale_num: number;
  skus: Sku[];
}

export interface OrderLine {
  order_goods_id: number;
  sku_id: number;
  goods_id: number;
  sku_name: string;
  sku_image: string;
  price: string;
  num: number;
}

export interface Order {
  order_id: number;
  order_no: string;
  order_status_name: string;
  order_money: string;
  /** Unix time, seconds. */
  create_time: number;
  order_goods: OrderLine[];
}

interface Shop {
  site: { site_id: number; site_name: string; logo: string };
  goods: Goods[];
  members: { member_id: number; nickname: string; headimg: string }[];
  orders: Order[];
  agents: { username: string; nickname: string; avatar: string }[];
  offices: { username: string; role: "shop" | "platform" }[];
  password: string;
}

const MEMBER = "kefu.demo.member";

export const state = reactive({
  shop: null as Shop | null,
  hasFailed: false,
  /** 0: nobody has logged in. */
  memberId: Number(read(MEMBER)) || 0,
  /** Goods that are looked at; 0: the front page. */
  goodsId: 0,
});

export const goods = computed(() =>
  state.shop?.goods.find(({ goods_id }) => goods_id === state.goodsId),
);

/** What tells a variant from the others. */
export function variant(sku: Sku): string {
  return sku.sku_name.startsWith(sku.goods_name)
    ? sku.sku_name.slice(sku.goods_name.length).trim()
    : sku.sku_name;
}

async function get<T>(path: string): Promise<T> {
  const response = await fetch(`/${service}/demo/${path}`);
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return ((await response.json()) as { data: T }).data;
}

export async function load(): Promise<void> {
  const memberId = state.memberId;
  try {
    const shop = await get<Shop>(`shop?member_id=${memberId}`);
    if (memberId !== state.memberId) return; // somebody else has logged in meanwhile
    state.shop = shop;
    state.hasFailed = false;
  } catch {
    state.hasFailed = true;
  }
}

/** What a real shop's back end signs for who has logged in. */
export async function token(memberId: number): Promise<string> {
  return (await get<{ token: string }>(`token?member_id=${memberId}`)).token;
}

/** Log in as a member; 0: log out. */
export function become(memberId: number): void {
  state.memberId = memberId;
  write(MEMBER, memberId ? String(memberId) : null);
  if (state.shop) state.shop.orders = [];
  void load();
}

/** Goods have addresses of their own, `#/goods/1`. */
export function followAddress(): void {
  const update = (): void => {
    state.goodsId = Number(/^#\/goods\/(\d{1,10})$/.exec(location.hash)?.[1] ?? 0);
  };
  window.addEventListener("hashchange", update);
  update();
}

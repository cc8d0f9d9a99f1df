/** Goods and orders as cards show them. */

import { shallowReactive } from "vue";

import { call, Refused } from "@/shared/api";
import type { Look } from "@/shared/embedding";

import type { Identity } from "./identity";

export interface Card {
  image: string;
  title: string;
  /** With two decimals, as the shop writes it; "" for none. */
  price: string;
  /** Of goods; null for orders. */
  stock: number | null;
  /** Of orders; "" for goods. */
  number: string;
  status: string;
}

interface Sku {
  sku_image: string;
  sku_name: string;
  price: string;
  stock: number;
}

interface Order {
  order_no: string;
  order_name: string;
  order_money: string;
  order_status_name: string;
  order_goods: { sku_image: string; sku_name: string }[];
}

type Known = Card | "loading" | "gone";

export class Cards {
  private readonly known = shallowReactive(new Map<string, Known>());
  /** Counts customers: what one was told is not for the next. */
  private customer = 0;

  constructor(private readonly identity: Identity) {}

  /** What is known; asks for it the first time. */
  get(look: Look): Known {
    const key = look.order_id ? `o${look.order_id}` : `s${look.sku_id ?? 0}`;
    const known = this.known.get(key);
    if (known) return known;
    queueMicrotask(() => void this.load(key, look)); // not while something is being drawn
    return "loading";
  }

  /** Orders are of one customer. */
  clear(): void {
    this.customer += 1;
    this.known.clear();
  }

  private async load(key: string, look: Look): Promise<void> {
    if (this.known.has(key)) return;
    this.known.set(key, "loading");
    const { customer } = this;
    const learn = (known: Known | null): void => {
      if (customer !== this.customer) return;
      if (known) this.known.set(key, known);
      else this.known.delete(key);
    };
    try {
      learn(await (look.order_id ? this.order(look) : this.goods(look)));
    } catch (error) {
      if (error instanceof Refused) learn("gone");
      else setTimeout(() => learn(null), 5000); // ask again
    }
  }

  private async goods({ sku_id = 0 }: Look): Promise<Card> {
    const { data } = await call<{ goods_sku_detail: Sku }>("api/goodssku/detail", { sku_id });
    const { sku_image, sku_name, price, stock } = data.goods_sku_detail;
    return { image: first(sku_image), title: sku_name, price, stock, number: "", status: "" };
  }

  private async order({ order_id = 0 }: Look): Promise<Card> {
    const { data } = await this.identity.ask<Order>("api/order/detail", { order_id });
    return {
      image: first(data.order_goods[0]?.sku_image ?? ""),
      title: data.order_goods.map((goods) => goods.sku_name).join("、") || data.order_name,
      price: data.order_money,
      stock: null,
      number: data.order_no,
      status: data.order_status_name,
    };
  }
}

/** Some shops name several pictures, with commas between. */
function first(images: string): string {
  return images.split(",")[0] ?? "";
}

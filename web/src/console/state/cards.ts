/** Goods and orders that messages show: asked for once. */

import { shallowReactive } from "vue";

import { Refused } from "@/shared/api";

import type { Order, Sku } from "../data";
import { ask } from "./session";

/** undefined: on its way, or could not be asked for; null: it does not exist any more. */
type Known<T> = T | null | undefined;

const skus = shallowReactive(new Map<number, Known<Sku>>());
const orders = shallowReactive(new Map<number, Known<Order>>());

export function findSku(id: number): Known<Sku> {
  return look(skus, id, () => ask<Sku>("chat/goodSkuDetial", { sku_id: id }));
}

export function findOrder(id: number): Known<Order> {
  return look(orders, id, () => ask<Order>("chat/orderDetail", { order_id: id }));
}

function look<T>(known: Map<number, Known<T>>, id: number, fetch: () => Promise<T>): Known<T> {
  if (!known.has(id)) {
    known.set(id, undefined);
    fetch().then(
      (found) => known.set(id, found),
      (error: unknown) => {
        if (error instanceof Refused) known.set(id, null);
        else setTimeout(() => known.delete(id), 3_000); // then it is asked for again
      },
    );
  }
  return known.get(id);
}

/** Nobody who logs in next must see what was asked for. */
export function forgetCards(): void {
  skus.clear();
  orders.clear();
}

import { describe, expect, it } from "vitest";

import { Kind, type Row, Side } from "@/shared/rows";
import { Thread } from "@/shared/thread";

function row(id: number, prev_id?: number, type = Side.CUSTOMER): Row {
  return {
    id,
    prev_id,
    type,
    member_id: 1,
    servicer_id: 5,
    shop_id: 1,
    content_type: Kind.TEXT,
    add_time: id,
    consumer_say: `<p>${id}</p>`,
    servicer_say: "",
    goods_sku_id: 0,
    order_id: 0,
    read: 0,
  };
}

describe("Thread", () => {
  it("keeps rows in order, each once", () => {
    const thread = new Thread(Side.SERVICER);
    thread.merge([row(3), row(1), row(2), row(3)]);
    expect(thread.rows.map(({ id }) => id)).toEqual([1, 2, 3]);
  });

  it("sees that a message is missing", () => {
    const thread = new Thread(Side.SERVICER);
    expect(thread.receive(row(4, 0))).toBe("new");
    expect(thread.receive(row(9, 4))).toBe("new");
    expect(thread.receive(row(9, 4))).toBe("known");
    expect(thread.receive(row(12, 11))).toBe("gap");
  });

  it("marks what the other side has read", () => {
    const thread = new Thread(Side.SERVICER);
    thread.merge([row(1), row(2, 1, Side.SERVICER), row(3, 2, Side.SERVICER)]);
    thread.markRead(Side.CUSTOMER, 2);
    expect(thread.rows.map(({ read }) => read)).toEqual([0, 1, 0]);
  });

  it("knows that a message was read before it is confirmed", () => {
    const thread = new Thread(Side.SERVICER);
    thread.merge([row(1)]);
    thread.markRead(Side.CUSTOMER, 2);
    thread.receive(row(2, 1, Side.SERVICER));
    thread.receive(row(3, 2, Side.SERVICER));
    expect(thread.rows.map(({ read }) => read)).toEqual([0, 1, 0]);
  });

  it("empties what was taken back", () => {
    const thread = new Thread(Side.SERVICER);
    thread.merge([row(1)]);
    thread.recall(1);
    expect(thread.rows[0]).toMatchObject({ recalled: 1, consumer_say: "" });
  });
});

import { describe, expect, it } from "vitest";

import { Cards } from "@/chat/cards";
import type { Identity } from "@/chat/identity";
import { Refused } from "@/shared/api";

const turn = () => new Promise((done) => setTimeout(done));

/** An identity whose answers come when the test says so. */
function slow() {
  const answers: { give: (data: unknown) => void; refuse: () => void }[] = [];
  const ask = () =>
    new Promise((resolve, reject) => {
      answers.push({
        give: (data) => resolve({ data }),
        refuse: () => reject(new Refused("no such order", -1, 200)),
      });
    });
  return { answers, cards: new Cards({ ask } as unknown as Identity) };
}

const order = { order_no: "2026", order_name: "cups", order_money: "8.00", order_status_name: "" };

describe("Cards", () => {
  it("forget what the customer before was told, also where that comes late", async () => {
    const { answers, cards } = slow();
    cards.get({ order_id: 5 });
    await turn();
    cards.clear();
    cards.get({ order_id: 5 });
    await turn();
    answers[1]?.give({ ...order, order_goods: [] });
    await turn();
    answers[0]?.refuse();
    await turn();
    expect(cards.get({ order_id: 5 })).toMatchObject({ number: "2026", title: "cups" });
  });

  it("say so where there is nothing", async () => {
    const { answers, cards } = slow();
    cards.get({ order_id: 5 });
    await turn();
    answers[0]?.refuse();
    await turn();
    expect(cards.get({ order_id: 5 })).toBe("gone");
  });
});

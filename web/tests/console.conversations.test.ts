import { beforeEach, describe, expect, it, vi } from "vitest";

import type { Me, PairRow } from "@/console/data";
import { Conversations } from "@/console/state/conversations";

/** What is asked and not answered yet, by path. */
const asked = new Map<string, (data: unknown) => void>();

vi.mock("@/console/state/session", () => ({
  ask: (path: string) => new Promise((resolve) => asked.set(path, resolve)),
}));

const turn = () => new Promise((done) => setTimeout(done));

function pair(online: number): PairRow {
  return {
    member_id: 7,
    servicer_id: 1,
    member_name: "Seven",
    headimg: "",
    online,
    last_online_time: 1,
    last_dialog: [],
  } as unknown as PairRow;
}

async function answer(path: string, data: unknown): Promise<void> {
  asked.get(path)?.(data);
  await turn();
}

async function finish(onlineMembers: PairRow[]): Promise<void> {
  const none = { count: 0, list: [] };
  await answer("index/index", { onlineMembers, unassignedMembers: none });
  await answer("index/unreadMembers", { unread_member: none });
  await answer("index/memberList", { member_list: { ...none, unassigned: 0 } });
}

describe("Conversations", () => {
  beforeEach(() => asked.clear());

  it("believe what they are told over what they had asked before", async () => {
    const conversations = new Conversations({ servicer_id: 1 } as Me);
    const first = conversations.refresh();
    conversations.arrived(pair(1));
    await finish([]);
    await first;
    expect(conversations.get(7)?.online).toBe(true);

    const second = conversations.refresh();
    conversations.left(7);
    await finish([pair(1)]);
    await second;
    expect(conversations.get(7)?.online).toBe(false);
  });

  it("learn by asking who has come and gone", async () => {
    const conversations = new Conversations({ servicer_id: 1 } as Me);
    const first = conversations.refresh();
    await finish([pair(1)]);
    await first;
    expect(conversations.get(7)?.online).toBe(true);
    const second = conversations.refresh();
    await finish([]);
    await second;
    expect(conversations.get(7)?.online).toBe(false);
  });
});

/** What was said in a shop, as a search finds it: page after page back in time. */

import { computed, reactive, ref, type Ref, watch } from "vue";

import type { Values } from "@/shared/api";
import type { CardFields, Row } from "@/shared/rows";
import { service } from "@/shared/service";

import { problem } from "./problems";
import { ask, door } from "./session";
import type { Status } from "./list";

export interface Message extends Row, CardFields {
  member_name: string;
  headimg: string;
  content: string;
  /** 1: the shop answered a keyword by itself. */
  automatic: number;
}

interface Found {
  list: Message[];
  next: string;
  is_cut: boolean;
  searched_to: number;
  too_many_members: boolean;
}

const PAUSE = 350; // ms in which somebody types on

/** Messages that match; when `values` change, they are looked for anew. */
export function useArchive(values: Ref<Values>) {
  const rows = ref<Message[]>([]);
  const status = ref<Status>("loading");
  const isBusy = ref(false);
  const error = ref("");
  const last = ref<Omit<Found, "list">>({
    next: "",
    is_cut: false,
    searched_to: 0,
    too_many_members: false,
  });
  let latest = 0;

  async function look(before: string): Promise<void> {
    const mine = ++latest;
    isBusy.value = true;
    try {
      const { list, ...rest } = await ask<Found>("history/index", { ...values.value, before });
      if (mine !== latest) return; // something else is wanted by now
      rows.value = before ? [...rows.value, ...list] : list;
      last.value = rest;
      status.value = "ready";
    } catch (failure) {
      if (mine !== latest) return;
      status.value = "failed";
      error.value = problem(failure);
    } finally {
      if (mine === latest) isBusy.value = false;
    }
  }

  let timer = 0;
  watch(values, (now, before) => {
    if (JSON.stringify(now) === JSON.stringify(before)) return;
    clearTimeout(timer);
    timer = window.setTimeout(() => void look(""), PAUSE);
  });
  void look("");
  const hasMore = computed(() => last.value.next !== "");
  return reactive({
    rows,
    status,
    isBusy,
    error,
    hasMore,
    last,
    restart: () => look(""),
    more: () => look(last.value.next),
  });
}

/** Where a file with all that match is. */
export function exportAddress(values: Values, format: "csv" | "jsonl", lang: string): string {
  const given = Object.entries({ ...values, format, lang }).filter(([, value]) => value !== "");
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return `/${service}/${door.value}/history/export?${query}`;
}

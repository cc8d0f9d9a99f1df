/** A page of a list of the server's, with what a page of ours shows beside it. */

import { computed, reactive, ref, type Ref, watch } from "vue";

import type { Values } from "@/shared/api";
import type { Page } from "@/shared/rows";

import { problem } from "./problems";
import { ask } from "./session";

export type Status = "loading" | "ready" | "failed";

export interface List<T> {
  rows: T[];
  count: number;
  page: number;
  pages: number;
  status: Status;
  /** Whether newer rows are on their way. */
  isBusy: boolean;
  error: string;
  /** Ask again, on the same page. */
  load(): Promise<void>;
  /** Ask again, from the first page. */
  restart(): Promise<void>;
  go(page: number): Promise<void>;
}

const PAUSE = 250; // ms in which somebody types on

/**
 * Rows of an endpoint that pages.
 *
 * `values`: what is searched for; when it changes, the first page of that is asked for.
 */
export function useList<T>(path: string, values: Ref<Values>, size = 10): List<T> {
  const rows = ref([]) as Ref<T[]>;
  const count = ref(0);
  const page = ref(1);
  const status = ref<Status>("loading");
  const isBusy = ref(false);
  const error = ref("");
  let latest = 0;

  async function load(): Promise<void> {
    const mine = ++latest;
    isBusy.value = true;
    try {
      const found = await ask<Page<T>>(path, {
        ...values.value,
        page: page.value,
        page_size: size,
      });
      if (mine !== latest) return; // somebody has typed on
      if (!found.list.length && found.count && page.value > 1) return await go(found.page_count);
      rows.value = found.list;
      count.value = found.count;
      status.value = "ready";
    } catch (failure) {
      if (mine !== latest) return;
      status.value = "failed";
      error.value = problem(failure);
    } finally {
      if (mine === latest) isBusy.value = false;
    }
  }

  async function go(to: number): Promise<void> {
    page.value = to;
    await load();
  }

  const restart = () => go(1);
  let timer = 0;
  watch(values, () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => void restart(), PAUSE);
  });
  void load();
  const pages = computed(() => Math.max(1, Math.ceil(count.value / size)));
  return reactive({ rows, count, page, pages, status, isBusy, error, load, restart, go });
}

/** What the shop knows of a customer: lists that are loaded page by page. */

import { computed, ref, shallowRef } from "vue";

import type { Values } from "@/shared/api";
import type { Page } from "@/shared/rows";

import { problem } from "../i18n";
import { ask } from "./session";

const SIZE = 10;

export class PagedList<T> {
  readonly rows = shallowRef<readonly T[]>([]);
  readonly isLoading = ref(false);
  readonly isLoaded = ref(false);
  readonly failure = ref("");
  private readonly count = ref(0);
  private page = 0;
  private asked = 0;

  readonly hasMore = computed(() => this.rows.value.length < this.count.value);

  constructor(
    private readonly path: string,
    private readonly values: () => Values,
  ) {}

  /** Begin again. Never raises: `failure` tells. */
  async load(): Promise<void> {
    await this.fetch(1);
  }

  async more(): Promise<void> {
    if (this.hasMore.value && !this.isLoading.value) await this.fetch(this.page + 1);
  }

  private async fetch(page: number): Promise<void> {
    const asked = ++this.asked;
    this.isLoading.value = true;
    try {
      const answer = await ask<Page<T>>(this.path, { ...this.values(), page, page_size: SIZE });
      if (asked !== this.asked) return; // something else is wanted by now
      this.rows.value = page === 1 ? answer.list : [...this.rows.value, ...answer.list];
      this.count.value = answer.count;
      this.page = page;
      this.failure.value = "";
      this.isLoaded.value = true;
    } catch (error) {
      if (asked === this.asked) this.failure.value = problem(error);
    } finally {
      if (asked === this.asked) this.isLoading.value = false;
    }
  }
}

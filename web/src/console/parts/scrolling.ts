/**
 * Draws a stretch of a long conversation only: it moves as the person scrolls, and what they look at
 * stays where it is while rows come and go around it.
 */

import { computed, nextTick, onBeforeUnmount, onMounted, ref, type Ref, watch } from "vue";

import type { Row } from "@/shared/rows";

import type { Conversation } from "../state/conversation";
import { complain } from "../state/toasts";

const FIRST = 40; // rows that are drawn at first
const CHUNK = 20; // rows by which the stretch grows: more at once would be felt
const MOST = 120; // rows that are drawn
const NEAR = 900; // px from its ends, at which it moves
const BOTTOM = 48; // px from the newest message, within which the person follows

export function useScrolling(conversation: Conversation, box: Ref<HTMLElement | undefined>) {
  const { thread } = conversation;
  /** Ids of the first and the last row that is drawn; 0: as many as needed, and the newest. */
  const fromId = ref(0);
  const toId = ref(0);
  /** Whether the newest message is in sight and is to stay so. */
  const follows = ref(true);
  /** Messages that have come below what is in sight. */
  const fresh = ref(0);
  let isMoving = false;

  const range = computed<[number, number]>(() => {
    const end = toId.value ? thread.position(toId.value + 1) : thread.rows.length;
    const start = fromId.value ? thread.position(fromId.value) : Math.max(0, end - FIRST);
    return [start, end];
  });

  function idAt(index: number): number {
    return thread.rows[index]?.id ?? 0;
  }

  function rowsDrawn(): HTMLElement[] {
    return [...(box.value?.querySelectorAll<HTMLElement>("[data-id]") ?? [])];
  }

  /** Change what is drawn; the row at the top of the view stays there. */
  async function keep(change: () => void): Promise<void> {
    const element = box.value;
    if (!element) return change();
    const edge = element.getBoundingClientRect().top;
    const anchor = rowsDrawn().find((row) => row.getBoundingClientRect().bottom > edge);
    const before = anchor?.getBoundingClientRect().top ?? 0;
    change();
    await nextTick();
    const again = anchor && element.querySelector(`[data-id="${anchor.dataset.id}"]`);
    if (again) element.scrollTop += again.getBoundingClientRect().top - before;
  }

  async function up(): Promise<void> {
    const [start, end] = range.value;
    if (start > 0) {
      const first = Math.max(0, start - CHUNK);
      await keep(() => {
        fromId.value = idAt(first);
        if (end - first > MOST) toId.value = idAt(first + MOST - 1);
      });
    } else if (conversation.hasOlder) {
      let kept: Promise<void> | undefined;
      await conversation.loadOlder((merge) => {
        kept = keep(() => {
          fromId.value = idAt(0);
          merge();
        });
      });
      await kept;
      if (range.value[0] > 0) await up();
    }
  }

  async function down(): Promise<void> {
    const [start, end] = range.value;
    const last = end + CHUNK;
    await keep(() => {
      toId.value = last >= thread.rows.length ? 0 : idAt(last - 1);
      const length = Math.min(last, thread.rows.length);
      if (length - start > MOST) fromId.value = idAt(length - MOST);
    });
  }

  async function look(): Promise<void> {
    const element = box.value;
    if (!element || isMoving) return;
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    follows.value = !toId.value && below < BOTTOM;
    if (follows.value) fresh.value = 0;
    else fromId.value ||= idAt(range.value[0]); // what comes below must not take rows away above
    const canRise = range.value[0] > 0 || conversation.hasOlder;
    isMoving = true;
    try {
      if (element.scrollTop < NEAR && canRise) await up();
      else if (below < NEAR && toId.value) await down();
      else return;
    } catch (error) {
      complain(error);
      return;
    } finally {
      isMoving = false;
    }
    requestAnimationFrame(() => void look());
  }

  let isAsked = false;
  function scrolled(): void {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      void look();
    });
  }

  function toBottom(): void {
    if (box.value) box.value.scrollTop = box.value.scrollHeight;
  }

  async function toNewest(): Promise<void> {
    fromId.value = 0;
    toId.value = 0;
    follows.value = true;
    fresh.value = 0;
    await nextTick();
    toBottom();
  }

  watch(
    () => thread.lastId,
    async (last, before) => {
      const own = (row: Row | undefined): boolean => row?.type === thread.side;
      if (!before || follows.value) {
        const [start, end] = range.value;
        if (end - start > MOST) fromId.value = 0;
        await nextTick();
        toBottom();
      } else if (last > before && !own(thread.rows.at(-1))) fresh.value += 1;
    },
    { flush: "sync" },
  );
  watch(
    () => thread.outbox.length,
    (length, before) => {
      if (length > before) void toNewest();
    },
  );

  // Pictures that load, a keyboard that opens: who follows goes on to follow.
  const observer = new ResizeObserver(() => {
    if (follows.value) toBottom();
    else void look();
  });
  onMounted(() => {
    if (!box.value) return;
    observer.observe(box.value);
    if (box.value.firstElementChild) observer.observe(box.value.firstElementChild);
    toBottom();
    void look();
  });
  onBeforeUnmount(() => observer.disconnect());

  return { range, fresh, follows, scrolled, toNewest };
}

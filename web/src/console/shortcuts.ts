/** Keys that work wherever the person is. */

import { onBeforeUnmount, onMounted } from "vue";

export function useShortcuts(actions: {
  search: () => void;
  list: () => void;
  step: (by: number) => void;
  help: () => void;
}): void {
  function pressed(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.isComposing) return;
    const { target, key } = event;
    if (target instanceof Element && target.closest(".el-overlay")) return; // a dialog is open
    const isTyping =
      target instanceof HTMLElement && target.closest("input, textarea, select") !== null;
    if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === "k") actions.search();
    else if (event.altKey && key === "ArrowDown") actions.step(1);
    else if (event.altKey && key === "ArrowUp") actions.step(-1);
    else if (key === "Escape") actions.list();
    else if (key === "?" && !isTyping) actions.help();
    else return;
    event.preventDefault();
  }
  onMounted(() => document.addEventListener("keydown", pressed));
  onBeforeUnmount(() => document.removeEventListener("keydown", pressed));
}

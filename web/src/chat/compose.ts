/** The text that is being written; it outlives a reload of the page. */

import { ref, watch } from "vue";

import { service } from "@/shared/service";

const KEY = `kefu.${service}.draft`;

export const draft = ref(stored());

/** Counts wishes to have the caret in the text. */
export const focusWanted = ref(0);

/** Write on at a text. */
export function edit(text: string): void {
  draft.value = draft.value ? `${draft.value}\n${text}` : text;
  focusWanted.value += 1;
}

watch(draft, (text) => {
  try {
    if (text) sessionStorage.setItem(KEY, text);
    else sessionStorage.removeItem(KEY);
  } catch {
    // Storage is switched off.
  }
});

function stored(): string {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

/** Short notes at the edge of the page, which go away by themselves. */

import { shallowReactive } from "vue";

import { LoggedOut } from "@/shared/api";

import { problem } from "../i18n";

export interface Toast {
  id: number;
  text: string;
  isBad: boolean;
}

const LIFE = 6_000; // ms

let last = 0;

export const toasts: Toast[] = shallowReactive([]);

export function tell(text: string, isBad = false): void {
  const toast = { id: ++last, text, isBad };
  toasts.push(toast);
  setTimeout(() => dismiss(toast), LIFE);
}

export function dismiss(toast: Toast): void {
  const at = toasts.indexOf(toast);
  if (at >= 0) toasts.splice(at, 1);
}

/** Say what went wrong; the login page says itself that the login has ended. */
export function complain(error: unknown): void {
  if (!(error instanceof LoggedOut)) tell(problem(error), true);
}

/** The console's language, and what went wrong in words of it. */

import { translate } from "@/shared/errors";
import { LoggedOut, Refused } from "@/shared/api";
import { type Locale, makeI18n, rememberLocale } from "@/shared/i18n";

import { en, zh } from "./locales";

export const i18n = makeI18n(zh, en);

// The library's own type of it is too deep for the compiler.
const { t } = i18n.global as unknown as {
  t: (key: string, values: Record<string, string | number>) => string;
};

export function translated(key: string, values: Record<string, string | number> = {}): string {
  return t(key, values);
}

export function language(): Locale {
  return i18n.global.locale.value as Locale;
}

export function useLanguage(locale: Locale): void {
  i18n.global.locale.value = locale;
  rememberLocale(locale);
}

/** What went wrong, in the person's language. */
export function problem(error: unknown): string {
  if (error instanceof Refused && error.message) return translate(error.message, language());
  if (error instanceof LoggedOut) return translated("login.ended");
  return translated("unreachable");
}

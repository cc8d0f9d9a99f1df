/** Languages of the pages: chosen by the browser, switched by the person, remembered here. */

import { createI18n } from "vue-i18n";

export type Locale = "zh-CN" | "en";

export const LOCALES: Record<Locale, string> = { "zh-CN": "简体中文", en: "English" };

const KEY = "kefu.locale";

export function preferredLocale(): Locale {
  const stored = read(KEY);
  if (stored === "zh-CN" || stored === "en") return stored;
  const first = navigator.languages.find((name) => /^(zh|en)\b/i.test(name)) ?? "en";
  return first.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
}

/** `zh` gives the shape; `en` must have the same keys. */
export function makeI18n<T extends object>(zh: T, en: T) {
  const locale = preferredLocale();
  document.documentElement.lang = locale;
  return createI18n({
    legacy: false,
    locale,
    fallbackLocale: "en",
    messages: { "zh-CN": zh, en } as Record<Locale, Record<string, never>>,
  });
}

/** Remember a choice. The caller sets the `locale` of its i18n. */
export function rememberLocale(locale: Locale): void {
  write(KEY, locale);
  document.documentElement.lang = locale;
}

/** From this browser's storage, which some people have switched off. */
export function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function write(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Storage is switched off: then it is forgotten with the page.
  }
}

/** Languages of the pages that have room for vue-i18n: chosen by the browser, switched by the person. */

import { createI18n } from "vue-i18n";

import { type Locale, preferredLocale } from "./locale";

export { type Locale, LOCALES, preferredLocale, read, rememberLocale, write } from "./locale";

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

/**
 * Texts of the customers' pages in two languages. vue-i18n would take a third of what these pages may
 * weigh, and they need no more of it than this.
 */

import { ref } from "vue";

import { type Locale, preferredLocale, rememberLocale } from "./locale";

export interface Texts<Key extends string> {
  /** A text; `{name}` stands for the value of that name. */
  t: (key: Key, values?: Record<string, string | number>) => string;
  /** The language: a reactive value, read by `t`. */
  readonly locale: Locale;
  /** Switch it for now, or also remember it. */
  use: (locale: Locale, remember?: boolean) => void;
}

/** `zh` gives the keys, and `en` must have the same. */
export function makeTexts<Key extends string>(
  zh: Record<Key, string>,
  en: Record<NoInfer<Key>, string>,
): Texts<Key> {
  const all = { "zh-CN": zh, en };
  const locale = ref<Locale>(preferredLocale());
  document.documentElement.lang = locale.value;
  return {
    t: (key, values = {}) =>
      all[locale.value][key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? "")),
    get locale() {
      return locale.value;
    },
    use(wanted, remember = false) {
      locale.value = wanted;
      document.documentElement.lang = wanted;
      if (remember) rememberLocale(wanted);
    },
  };
}

/** The person's language, and what this browser remembers; without the weight of vue-i18n. */

export type Locale = "zh-CN" | "en";

export const LOCALES: Record<Locale, string> = { "zh-CN": "简体中文", en: "English" };

const KEY = "kefu.locale";

export function isLocale(text: string | null): text is Locale {
  return text === "zh-CN" || text === "en";
}

/** What was chosen here; null for nothing. */
export function chosenLocale(): Locale | null {
  const stored = read(KEY);
  return isLocale(stored) ? stored : null;
}

/** What was chosen here, else the first of the browser's languages that there is. */
export function preferredLocale(): Locale {
  const chosen = chosenLocale();
  if (chosen) return chosen;
  const first = navigator.languages.find((name) => /^(zh|en)\b/i.test(name)) ?? "en";
  return first.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
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

/** None: forget it. */
export function write(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Storage is switched off: then it is forgotten with the page.
  }
}

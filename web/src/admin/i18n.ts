import { makeI18n } from "@/shared/i18n";

import { en, zh } from "./locales";

export const i18n = makeI18n(zh, en);

/** What components have from `useI18n`, for everybody else; the types of its own are too deep. */
interface Translator {
  t(key: string, values?: Record<string, unknown>): string;
  te(key: string): boolean;
}

const translator = i18n.global as unknown as Translator;

export const t: Translator["t"] = (key, values) => translator.t(key, values ?? {});
export const has: Translator["te"] = (key) => translator.te(key);

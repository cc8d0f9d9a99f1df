/** Times and numbers as people read them, in the shop's time zone. */

import { i18n, t } from "./i18n";
import { me } from "./session";

const locale = () => i18n.global.locale.value;

export function when(seconds: number): string {
  if (!seconds) return "";
  return new Date(seconds * 1000).toLocaleString(locale(), {
    dateStyle: "medium",
    timeStyle: "short",
    hour12: false,
    timeZone: me.value?.time_zone,
  });
}

export function number(value: number): string {
  return value.toLocaleString(locale());
}

/** Seconds, in the units that people use. */
export function span(seconds: number | null): string {
  if (seconds === null) return "–";
  if (seconds < 60) return t("units.seconds", { n: Math.round(seconds) });
  if (seconds < 3600)
    return t("units.minutes", { n: Math.floor(seconds / 60), s: Math.round(seconds % 60) });
  return t("units.hours", {
    n: Math.floor(seconds / 3600),
    m: Math.round((seconds % 3600) / 60),
  });
}

/** The day of a moment, as `yyyy-mm-dd`, in the shop's time zone. */
export function isoDay(time: number): string {
  // Sweden writes dates as ISO 8601 does.
  return new Date(time).toLocaleDateString("sv-SE", { timeZone: me.value?.time_zone });
}

/** Bytes, in the unit that fits. */
export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, count < 1 ? 0 : Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** power;
  return `${value.toLocaleString(locale(), { maximumFractionDigits: value < 100 ? 1 : 0 })} ${units[power]}`;
}

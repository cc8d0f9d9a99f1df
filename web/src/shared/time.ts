/** Times as people read them, in their language and zone. */

/** For lists: the time of day today, else the date. */
export function short(seconds: number, locale: string, now = Date.now()): string {
  const date = new Date(seconds * 1000);
  const today = new Date(now);
  if (date.toDateString() === today.toDateString())
    return date.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit", hour12: false });
  const sameYear = date.getFullYear() === today.getFullYear();
  return date.toLocaleDateString(
    locale,
    sameYear ? { month: "numeric", day: "numeric" } : { dateStyle: "short" },
  );
}

/** In full, for titles. */
export function full(seconds: number, locale: string): string {
  return new Date(seconds * 1000).toLocaleString(locale, {
    dateStyle: "medium",
    timeStyle: "medium",
    hour12: false,
  });
}

/** The day, for the lines between messages of different days. */
export function day(seconds: number, locale: string): string {
  return new Date(seconds * 1000).toLocaleDateString(locale, { dateStyle: "medium" });
}

export function clock(seconds: number, locale: string): string {
  return new Date(seconds * 1000).toLocaleTimeString(locale, {
    hour: "2-digit",
    minute: "2-digit",
    hour12: false,
  });
}

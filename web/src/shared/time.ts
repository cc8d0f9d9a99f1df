/** Times as people read them, in their language and zone. */

const formats = new Map<string, Intl.DateTimeFormat>();

/** Making one takes far longer than using it, and lists use it for every line. */
function format(name: string, locale: string, options: Intl.DateTimeFormatOptions) {
  const key = `${name} ${locale}`;
  let found = formats.get(key);
  if (!found) formats.set(key, (found = new Intl.DateTimeFormat(locale, options)));
  return found;
}

/** For lists: the time of day today, else the date. */
export function short(seconds: number, locale: string, now = Date.now()): string {
  const date = new Date(seconds * 1000);
  const today = new Date(now);
  if (isSameDay(date, today)) return clock(seconds, locale);
  return date.getFullYear() === today.getFullYear()
    ? format("date", locale, { month: "numeric", day: "numeric" }).format(date)
    : format("year", locale, { dateStyle: "short" }).format(date);
}

/** In full, for titles. */
export function full(seconds: number, locale: string): string {
  return format("full", locale, {
    dateStyle: "medium",
    timeStyle: "medium",
    hourCycle: "h23",
  }).format(seconds * 1000);
}

/** The day, for the lines between messages of different days. */
export function day(seconds: number, locale: string): string {
  return format("day", locale, { dateStyle: "medium" }).format(seconds * 1000);
}

export function clock(seconds: number, locale: string): string {
  return format("clock", locale, {
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  }).format(seconds * 1000);
}

/** Whether two moments, Unix times in seconds, are on one day here. */
export function onSameDay(one: number, other: number): boolean {
  return isSameDay(new Date(one * 1000), new Date(other * 1000));
}

function isSameDay(one: Date, other: Date): boolean {
  return (
    one.getDate() === other.getDate() &&
    one.getMonth() === other.getMonth() &&
    one.getFullYear() === other.getFullYear()
  );
}

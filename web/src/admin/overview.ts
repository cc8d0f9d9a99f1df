/** The numbers of the statistics page, and how they are compared. */

export interface Sums {
  customer: number;
  agent: number;
  automatic: number;
  conversations: number;
  enquiries: number;
  answered: number;
  response_median: number | null;
  response_p90: number | null;
}

export interface Step extends Sums {
  day: string;
  hour: number | null;
  waiting: number;
}

export interface AgentSums {
  servicer_id: number;
  nickname: string;
  messages: number;
  conversations: number;
  answered: number;
  response_median: number | null;
}

export interface Overview {
  first: string;
  last: string;
  first_before: string;
  now: { waiting: number; longest_wait: number };
  total: Sums;
  before: Sums;
  course: Step[];
  agents: AgentSums[];
}

/** One line of a chart, or one colour of its bars. */
export interface Series {
  name: string;
  kind: "bar" | "line";
  values: (number | null)[];
  /** Name of a colour of the theme. */
  colour: string;
  stack?: string;
  dashed?: boolean;
}

/** The change from `before` to `now` in per cent, rounded; null where nothing can be said. */
export function change(now: number | null, before: number | null): number | null {
  if (now === null || !before) return null;
  return Math.round(((now - before) / before) * 100);
}

/** A day as `yyyy-mm-dd` so many days later. */
export function later(day: string, days: number): string {
  const at = new Date(`${day}T00:00:00Z`);
  at.setUTCDate(at.getUTCDate() + days);
  return at.toISOString().slice(0, 10);
}

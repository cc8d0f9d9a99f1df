/** How a shop has its chat look, as the server keeps it. */

import { service } from "@/shared/service";

export interface WidgetSettings {
  site_id: number;
  color: string;
  position: "left" | "right";
  offset_x: number;
  offset_y: number;
  title: string;
  greeting: string;
  offline: string;
  title_en: string;
  greeting_en: string;
  offline_en: string;
}

export type TextName = "title" | "greeting" | "offline";

export const MAX_LENGTHS: Record<TextName, number> = { title: 40, greeting: 300, offline: 300 };
export const MAX_OFFSET = 300;

export const PRESETS = [
  "#2563eb",
  "#0f766e",
  "#15803d",
  "#b45309",
  "#c02626",
  "#be185d",
  "#7c3aed",
  "#1f2937",
];

const root = service === "servicer" ? "" : `/${service}`;

export function chatAddress(siteId: number): string {
  return `${root}/chat?site_id=${siteId}`;
}

/** What a shop puts into its pages. */
export function scriptTag(siteId: number): string {
  const src = `${location.origin}${root}/widget.js`;
  return `<script async src="${src}" data-site="${siteId}"></` + "script>";
}

/** Copy what stands in an input. Without TLS, browsers have no clipboard but this. */
export async function copy(input: HTMLTextAreaElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(input.value);
  } catch {
    input.select();
    document.execCommand("copy");
  }
}

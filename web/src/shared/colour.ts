/** Colours that shops choose, made legible. */

type Rgb = readonly [number, number, number];

/** `#rgb` or `#rrggbb`, as 0..255; null for anything else. */
export function parseColour(text: string): Rgb | null {
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(text.trim())?.[1];
  if (!hex) return null;
  const long = hex.length === 3 ? hex.replace(/./g, "$&$&") : hex;
  const value = parseInt(long, 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Contrast of two colours as WCAG has it, 1 to 21. */
export function contrast(one: Rgb, other: Rgb): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

const WHITE: Rgb = [255, 255, 255];
const INK: Rgb = [15, 20, 30];
const LEGIBLE = 4.5;

/** White, or nearly black where white could not be read on it. */
export function textOn(colour: string): string {
  const rgb = parseColour(colour) ?? INK;
  return contrast(rgb, WHITE) >= LEGIBLE || contrast(rgb, WHITE) >= contrast(rgb, INK)
    ? "#ffffff"
    : "#0f141e";
}

/** The colour, or a slightly darker one where neither white nor ink could be read on it. */
export function groundOf(colour: string): string {
  const legible = contrast(parseColour(colour) ?? INK, parseColour(textOn(colour)) ?? WHITE);
  return legible >= LEGIBLE ? colour : legibleOn(colour, "#ffffff");
}

/** The colour, or a darker or lighter one of its kind that can be read on `ground`. */
export function legibleOn(colour: string, ground: string): string {
  const under = parseColour(ground) ?? WHITE;
  let rgb = parseColour(colour) ?? INK;
  const end = luminance(under) > 0.3 ? 0 : 255;
  for (let step = 0; step < 20 && contrast(rgb, under) < LEGIBLE; step += 1)
    rgb = rgb.map((channel) => Math.round(channel + (end - channel) * 0.12)) as unknown as Rgb;
  return `#${rgb.map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
}

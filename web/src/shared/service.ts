/** Where this page was served from. */

/** Name of the service, in front of all of its paths; the server writes it into the page. */
export const service: string =
  document.querySelector<HTMLMetaElement>('meta[name="kefu-service"]')?.content || "servicer";

/** The address of an image as messages, goods and members name it: absolute, or below the site. */
export function imageUrl(path: string | null | undefined): string {
  if (!path) return "";
  if (/^(https?:)?\/\//i.test(path)) return path;
  return `/${path.replace(/^\/+/, "")}`;
}

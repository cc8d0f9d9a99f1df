/**
 * Stored messages are HTML that the server has sanitised. Pages nevertheless never hand it to the
 * browser as HTML: it is read into the few nodes below, and these are drawn.
 */

import { imageUrl } from "./service";

export type Node =
  | { kind: "text"; text: string }
  | { kind: "break" }
  | { kind: "block"; children: Node[] }
  | { kind: "inline"; children: Node[] }
  | { kind: "link"; href: string; children: Node[] }
  | { kind: "image"; src: string; alt: string };

const BLOCKS = new Set(["P", "DIV", "LI", "UL", "OL", "BLOCKQUOTE", "PRE"]);

/** Code of an emoji image of the original's front ends, `[emjoy_05]`: the images are not ours. */
const CODE = /\[emjoy_\d{1,2}\]/g;

/** A web address as people write it: the stop at the end of a sentence is not of it. */
const ADDRESS =
  /https?:\/\/[^\s<>"'，。；：！？、（）《》“”]*[^\s<>"'，。；：！？、（）《》“”.,;:!?)\]]/gi;

/** Read a stored text. Unknown elements count as their content; scripts and styles as nothing. */
export function parse(html: string): Node[] {
  const document = new DOMParser().parseFromString(html, "text/html");
  return children(document.body);
}

/** A stored text as one line, for lists of conversations. */
export function plain(html: string): string {
  return written(html).replace(/\s+/g, " ");
}

/** A stored text as it would be written again, in lines. */
export function written(html: string): string {
  return line(parse(html)).trim();
}

function line(nodes: Node[]): string {
  return nodes
    .map((node) => {
      switch (node.kind) {
        case "text":
          return node.text;
        case "break":
          return "\n";
        case "image":
          return node.alt || "🖼";
        case "block":
          return `\n${line(node.children)}\n`;
        default:
          return line(node.children);
      }
    })
    .join("");
}

function children(parent: Element): Node[] {
  return [...parent.childNodes].flatMap((child) => read(child));
}

/** A text, whose web addresses are links unless it is that of a link already. */
function words(text: string, isLink: boolean): Node[] {
  const nodes: Node[] = [];
  let at = 0;
  for (const { 0: href, index } of isLink ? [] : text.matchAll(ADDRESS)) {
    if (index > at) nodes.push({ kind: "text", text: text.slice(at, index) });
    nodes.push({ kind: "link", href, children: [{ kind: "text", text: href }] });
    at = index + href.length;
  }
  if (at < text.length) nodes.push({ kind: "text", text: text.slice(at) });
  return nodes;
}

function read(child: ChildNode): Node[] {
  if (child instanceof Text)
    return words(child.data.replace(CODE, "🙂"), child.parentElement?.closest("a[href]") !== null);
  if (!(child instanceof HTMLElement)) return [];
  switch (child.tagName) {
    case "SCRIPT":
    case "STYLE":
    case "TEMPLATE":
    case "IFRAME":
    case "OBJECT":
      return [];
    case "BR":
      return [{ kind: "break" }];
    case "IMG": {
      const src = child.getAttribute("src") ?? "";
      if (!isFetchable(src)) return [];
      return [{ kind: "image", src: imageUrl(src), alt: child.getAttribute("alt") ?? "" }];
    }
    case "A": {
      const href = child.getAttribute("href") ?? "";
      if (!/^https?:\/\//i.test(href)) return children(child);
      return [{ kind: "link", href, children: children(child) }];
    }
    default:
      return [{ kind: BLOCKS.has(child.tagName) ? "block" : "inline", children: children(child) }];
  }
}

/** Whether an address is http(s) or relative, rather than of another scheme. */
function isFetchable(address: string): boolean {
  return address !== "" && (/^https?:\/\//i.test(address) || !/^[^/?#]*:/.test(address));
}

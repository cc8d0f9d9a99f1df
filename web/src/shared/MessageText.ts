/** Draws a stored text. */

import { h, type FunctionalComponent, type VNode } from "vue";

import { type Node, parse } from "./content";

function draw(node: Node): VNode | string {
  switch (node.kind) {
    case "text":
      return node.text;
    case "break":
      return h("br");
    case "block":
      return h("p", node.children.map(draw));
    case "inline":
      return h("span", node.children.map(draw));
    case "link":
      return h(
        "a",
        { href: node.href, target: "_blank", rel: "noopener noreferrer nofollow" },
        node.children.map(draw),
      );
    case "image":
      return h("img", { src: node.src, alt: node.alt, loading: "lazy", class: "inline-image" });
  }
}

export const MessageText: FunctionalComponent<{ html: string }> = (props) =>
  h("div", { class: "message-text", dir: "auto" }, parse(props.html).map(draw));

MessageText.props = ["html"];

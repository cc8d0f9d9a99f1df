import { describe, expect, it } from "vitest";

import { parse, plain } from "@/shared/content";

describe("parse", () => {
  it("reads what the server lets through", () => {
    expect(parse("<p>a<br>b</p>")).toEqual([
      {
        kind: "block",
        children: [{ kind: "text", text: "a" }, { kind: "break" }, { kind: "text", text: "b" }],
      },
    ]);
  });

  it.each([
    "<script>alert(1)</script>",
    '<img src="javascript:alert(1)">',
    '<img src=" javascript:alert(1)">',
    '<iframe src="https://x.example"></iframe>',
    "<svg onload=alert(1)></svg>",
    "<style>*{display:none}</style>",
  ])("leaves nothing of %s", (html) => {
    expect(parse(html)).toEqual([]);
  });

  it("makes links of web addresses", () => {
    const link = (href: string) => ({
      kind: "link",
      href,
      children: [{ kind: "text", text: href }],
    });
    expect(parse("请看 https://a.example/b?c=1&amp;d，谢谢 (http://x.example/y).")).toEqual([
      { kind: "text", text: "请看 " },
      link("https://a.example/b?c=1&d"),
      { kind: "text", text: "，谢谢 (" },
      link("http://x.example/y"),
      { kind: "text", text: ")." },
    ]);
    expect(parse('<a href="https://a.example/">https://a.example/</a>')).toEqual([
      link("https://a.example/"),
    ]);
    expect(parse("javascript:alert(1) https://")).toEqual([
      { kind: "text", text: "javascript:alert(1) https://" },
    ]);
  });

  it("keeps the text of a link that leads nowhere", () => {
    expect(parse('<a href="javascript:alert(1)">x</a>')).toEqual([{ kind: "text", text: "x" }]);
  });

  it("shows markup as text where it is text", () => {
    expect(plain("<p>&lt;b&gt;hi&lt;/b&gt;</p>")).toBe("<b>hi</b>");
  });
});

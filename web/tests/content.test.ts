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

  it("keeps the text of a link that leads nowhere", () => {
    expect(parse('<a href="javascript:alert(1)">x</a>')).toEqual([{ kind: "text", text: "x" }]);
  });

  it("shows markup as text where it is text", () => {
    expect(plain("<p>&lt;b&gt;hi&lt;/b&gt;</p>")).toBe("<b>hi</b>");
  });
});

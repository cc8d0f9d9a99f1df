import { describe, expect, it } from "vitest";

import { marked } from "@/admin/said";

function shown(text: string, wanted: string): string {
  return marked(text, wanted)
    .map((part) => (part.isMatch ? `[${part.text}]` : part.text))
    .join("");
}

describe("What was looked for", () => {
  it("is marked wherever it stands, in any case", () => {
    expect(shown("Hello, hello", "HELLO")).toBe("[Hello], [hello]");
    expect(shown("有货吗？有货。", "有货")).toBe("[有货]吗？[有货]。");
  });

  it("means itself", () => {
    expect(shown("1.5 (a*b)", "(a*b)")).toBe("1.5 [(a*b)]");
    expect(shown("<b>x</b>", "<b>")).toBe("[<b>]x</b>");
  });

  it("need not be there", () => {
    expect(shown("a picture", "text")).toBe("a picture");
    expect(shown("anything", "  ")).toBe("anything");
  });

  it("is brought near the beginning of a long text", () => {
    const text = marked(`${"x".repeat(500)}needle`, "needle")[0]?.text ?? "";
    expect(text).toBe(`…${"x".repeat(40)}`);
  });

  it("is not marked where letters change their length with their case", () => {
    expect(shown("İstanbul istanbul", "istanbul")).toBe("İstanbul istanbul");
  });
});

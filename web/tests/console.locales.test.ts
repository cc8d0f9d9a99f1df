import { describe, expect, it } from "vitest";

import { en, zh } from "@/console/locales";

function keys(texts: object, before = ""): string[] {
  return Object.entries(texts).flatMap(([key, value]) =>
    typeof value === "object" && value !== null ? keys(value, `${before}${key}.`) : before + key,
  );
}

describe("Texts of the console", () => {
  it("are there in both languages", () => {
    expect(keys(en)).toEqual(keys(zh));
  });
});

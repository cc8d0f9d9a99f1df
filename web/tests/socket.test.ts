import { describe, expect, it } from "vitest";

import { pause } from "@/shared/socket";

describe("pause", () => {
  it("doubles up to half a minute", () => {
    const longest = [0, 1, 2, 3, 6, 20].map((failures) => pause(failures, 1));
    expect(longest).toEqual([500, 1000, 2000, 4000, 30_000, 30_000]);
  });

  it("leaves half of it to chance, so that not all pages come back at once", () => {
    expect(pause(3, 0)).toBe(2000);
    expect(pause(3, 0.5)).toBe(3000);
  });
});

/** How many columns there is room for. */

import { onBeforeUnmount, ref, type Ref } from "vue";

export type Width = "narrow" | "middling" | "wide";

export function useWidth(): Ref<Width> {
  const narrow = matchMedia("(max-width: 719px)");
  const wide = matchMedia("(min-width: 1200px)");
  const now = (): Width => (narrow.matches ? "narrow" : wide.matches ? "wide" : "middling");
  const width = ref(now());
  const change = (): void => {
    width.value = now();
  };
  narrow.addEventListener("change", change);
  wide.addEventListener("change", change);
  onBeforeUnmount(() => {
    narrow.removeEventListener("change", change);
    wide.removeEventListener("change", change);
  });
  return width;
}

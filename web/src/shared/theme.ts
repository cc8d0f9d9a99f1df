/** Light or dark: as the system says, unless the person has chosen. */

import { ref, watchEffect } from "vue";

import { read, write } from "./locale";

export type Theme = "auto" | "light" | "dark";

const KEY = "kefu.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = ref(system.matches);
system.addEventListener("change", (event) => (systemIsDark.value = event.matches));

export const theme = ref<Theme>(stored());

/** Keeps the class `dark` of the root element right, which Element Plus and base.css look at. */
export function followTheme(): void {
  watchEffect(() => {
    const dark = theme.value === "dark" || (theme.value === "auto" && systemIsDark.value);
    document.documentElement.classList.toggle("dark", dark);
  });
}

export function chooseTheme(wanted: Theme): void {
  theme.value = wanted;
  write(KEY, wanted === "auto" ? null : wanted);
}

function stored(): Theme {
  const found = read(KEY);
  return found === "light" || found === "dark" ? found : "auto";
}

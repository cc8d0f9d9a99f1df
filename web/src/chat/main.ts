import "@/shared/base.css";
import "./chat.css";

import { createApp, watch } from "vue";

import { followTheme, theme } from "@/shared/theme";

import App from "./App.vue";
import { paint, setUp } from "./frame";
import { followKeyboard } from "./keyboard";

followTheme();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
watch(theme, paint, { flush: "post" });
followKeyboard();
setUp();
createApp(App).mount("#app");

import "element-plus/theme-chalk/dark/css-vars.css";
import "@/shared/base.css";
import "@/shared/element.css";
import "./console.css";

import { createApp } from "vue";

import { followTheme } from "@/shared/theme";

import App from "./App.vue";
import { i18n } from "./i18n";
import { router } from "./router";

followTheme();
createApp(App).use(i18n).use(router).mount("#app");

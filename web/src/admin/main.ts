import "element-plus/theme-chalk/dark/css-vars.css";
import "element-plus/es/components/message/style/css";
import "element-plus/es/components/message-box/style/css";
import "@/shared/base.css";
import "./admin.css";

import { createApp } from "vue";

import { followTheme } from "@/shared/theme";

import App from "./App.vue";
import { i18n } from "./i18n";
import { router } from "./router";

followTheme();
createApp(App).use(i18n).use(router).mount("#app");

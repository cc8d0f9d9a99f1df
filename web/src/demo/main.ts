import "@/shared/base.css";
import "./demo.css";

import { createApp } from "vue";

import { followTheme } from "@/shared/theme";

import App from "./App.vue";
import { setUp } from "./kefu";
import { followAddress, load } from "./shop";

followTheme();
followAddress();
void load();
void setUp();
createApp(App).mount("#app");

import { createRouter, createWebHashHistory } from "vue-router";

import DeskPage from "./views/DeskPage.vue";

/** One page at several addresses: it looks at the address itself, so that nothing is torn down. */
export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: "/", name: "mine", component: DeskPage },
    { path: "/unassigned", name: "unassigned", component: DeskPage },
    { path: "/history", name: "history", component: DeskPage },
    { path: "/c/:id(\\d+)", name: "conversation", component: DeskPage },
    { path: "/:rest(.*)*", redirect: "/" },
  ],
});

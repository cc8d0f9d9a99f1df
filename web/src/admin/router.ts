/** The pages of the back offices. Each is loaded when it is first opened. */

import {
  Brush,
  ChatDotRound,
  ChatLineSquare,
  Collection,
  DataLine,
  Monitor,
  Setting,
  Tickets,
  User,
} from "@element-plus/icons-vue";
import type { Component } from "vue";
import { createRouter, createWebHashHistory, type RouteRecordRaw } from "vue-router";

import type { Door } from "./session";

interface Place {
  name: string;
  icon: Component;
  /** Whose back office has it. */
  doors: Door[];
  page: () => Promise<Component>;
}

/** In the order of the menu; the first of a door is where it opens. */
export const PLACES: Place[] = [
  { name: "agents", icon: User, doors: ["shop"], page: () => import("./pages/AgentsPage.vue") },
  {
    name: "groups",
    icon: Collection,
    doors: ["shop"],
    page: () => import("./pages/GroupsPage.vue"),
  },
  {
    name: "keywords",
    icon: ChatDotRound,
    doors: ["shop"],
    page: () => import("./pages/KeywordsPage.vue"),
  },
  {
    name: "quick",
    icon: ChatLineSquare,
    doors: ["shop"],
    page: () => import("./pages/QuickPage.vue"),
  },
  {
    name: "history",
    icon: Tickets,
    doors: ["shop", "admin"],
    page: () => import("./pages/HistoryPage.vue"),
  },
  {
    name: "statistics",
    icon: DataLine,
    doors: ["shop", "admin"],
    page: () => import("./pages/StatisticsPage.vue"),
  },
  {
    name: "widget",
    icon: Brush,
    doors: ["shop"],
    page: () => import("./pages/WidgetPage.vue"),
  },
  {
    name: "live",
    icon: Monitor,
    doors: ["admin"],
    page: () => import("./pages/LivePage.vue"),
  },
  {
    name: "platform",
    icon: Setting,
    doors: ["admin"],
    page: () => import("./pages/PlatformPage.vue"),
  },
];

export function placesOf(door: Door): Place[] {
  return PLACES.filter((place) => place.doors.includes(door));
}

/** Whether a back office has the page of that name. */
export function hasPlace(door: Door, name: unknown): boolean {
  return placesOf(door).some((place) => place.name === name);
}

const routes: RouteRecordRaw[] = PLACES.map((place) => ({
  path: `/${place.name}`,
  name: place.name,
  component: place.page,
}));

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [...routes, { path: "/:rest(.*)*", name: "nowhere", component: { render: () => null } }],
});

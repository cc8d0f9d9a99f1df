import { resolve } from "node:path";

import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

import { compress, OUT } from "./vite.config.ts";

/**
 * The pages for customers. Built apart from the others: a module that all pages shared would bring
 * along what only the large ones need of it, Vue above all.
 */
export default defineConfig({
  base: "./",
  plugins: [vue(), compress(resolve(OUT, "assets"))],
  resolve: { alias: { "@": resolve(import.meta.dirname, "src") } },
  define: { __VUE_OPTIONS_API__: false },
  build: {
    outDir: OUT,
    emptyOutDir: false,
    copyPublicDir: false,
    target: "es2020", // telephones are kept for long
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: Object.fromEntries(
        ["chat", "demo"].map((page) => [page, resolve(import.meta.dirname, `${page}.html`)]),
      ),
    },
  },
});

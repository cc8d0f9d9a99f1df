import { resolve } from "node:path";

import { defineConfig } from "vite";

import { compress, OUT } from "./vite.config.ts";

/** widget.js, which shops put into their pages: one script of its own, without a hash in its name. */
export default defineConfig({
  plugins: [compress(OUT)],
  resolve: { alias: { "@": resolve(import.meta.dirname, "src") } },
  build: {
    outDir: OUT,
    emptyOutDir: false,
    copyPublicDir: false,
    target: "es2020",
    lib: {
      entry: resolve(import.meta.dirname, "src/widget/widget.ts"),
      formats: ["iife"],
      name: "kefu", // not used: it exports nothing
      fileName: () => "widget.js",
    },
  },
});

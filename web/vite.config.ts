import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

import vue from "@vitejs/plugin-vue";
import { ElementPlusResolver } from "unplugin-vue-components/resolvers";
import Components from "unplugin-vue-components/vite";
import { defineConfig, type Plugin } from "vite";

/** Where the business process serves the pages from; it is shipped in the wheel. */
export const OUT = resolve(import.meta.dirname, "../business/services/servicer/dist");

export const PAGES = ["console", "admin"];

/** Writes what is large a second and third time, compressed: aiohttp sends these to who takes them. */
export function compress(folder: string): Plugin {
  return {
    name: "compress",
    apply: "build",
    closeBundle() {
      for (const name of readdirSync(folder)) {
        if (!/\.(js|css|svg)$/.test(name)) continue;
        const content = readFileSync(join(folder, name));
        if (content.length < 1024) continue;
        writeFileSync(join(folder, `${name}.gz`), gzipSync(content, { level: 9 }));
        writeFileSync(join(folder, `${name}.br`), brotliCompressSync(content));
      }
    },
  };
}

export default defineConfig({
  // The name of the service stands in front of all paths, and is not known here: a service is
  // copied. The server puts it into the pages, and scripts load each other relatively.
  base: "./",
  plugins: [
    vue(),
    Components({ dirs: [], dts: false, resolvers: [ElementPlusResolver({ importStyle: "css" })] }),
    compress(join(OUT, "assets")),
  ],
  resolve: { alias: { "@": resolve(import.meta.dirname, "src") } },
  define: {
    __VUE_I18N_LEGACY_API__: false,
    __VUE_I18N_FULL_INSTALL__: false,
    __VUE_OPTIONS_API__: true, // some parts of Element Plus use it
  },
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the content security policy allows no data: fonts and scripts
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700, // kB: the charts, which only the statistics page loads
    rolldownOptions: {
      input: Object.fromEntries(
        PAGES.map((page) => [page, resolve(import.meta.dirname, `${page}.html`)]),
      ),
    },
  },
  server: {
    // `npm run dev` beside `make run`: pages from here, everything else from there.
    proxy: { "^/(servicer|api|upload|widget.js)": "http://127.0.0.1:8080" },
  },
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts"] },
} as Parameters<typeof defineConfig>[0]);

/** `npm run build`: the pages, then the script for shops' own pages. */

import { build } from "vite";

for (const configFile of ["vite.config.ts", "vite.widget.config.ts"]) {
  await build({ configFile, logLevel: "warn" });
}

/** `npm run build`: the staff's pages, the customers', then the script for shops' own pages. */

import { build } from "vite";

for (const configFile of ["vite.config.ts", "vite.light.config.ts", "vite.widget.config.ts"]) {
  await build({ configFile, logLevel: "warn" });
}

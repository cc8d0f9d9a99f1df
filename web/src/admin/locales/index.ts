/** Texts of the back office, a file per page. Both languages have the same keys; the types see to it. */

import * as agents from "./agents";
import * as common from "./common";
import * as groups from "./groups";
import * as keywords from "./keywords";
import * as platform from "./platform";
import * as quick from "./quick";

export const zh = {
  ...common.zh,
  agents: agents.zh,
  groups: groups.zh,
  keywords: keywords.zh,
  quick: quick.zh,
  platform: platform.zh,
};

export const en: typeof zh = {
  ...common.en,
  agents: agents.en,
  groups: groups.en,
  keywords: keywords.en,
  quick: quick.en,
  platform: platform.en,
};

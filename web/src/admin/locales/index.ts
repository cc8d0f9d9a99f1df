/** Texts of the back office, a file per page. Both languages have the same keys; the types see to it. */

import * as agents from "./agents";
import * as common from "./common";
import * as groups from "./groups";
import * as history from "./history";
import * as keywords from "./keywords";
import * as live from "./live";
import * as platform from "./platform";
import * as quick from "./quick";
import * as statistics from "./statistics";
import * as widget from "./widget";

export const zh = {
  ...common.zh,
  agents: agents.zh,
  groups: groups.zh,
  keywords: keywords.zh,
  quick: quick.zh,
  history: history.zh,
  widget: widget.zh,
  statistics: statistics.zh,
  live: live.zh,
  platform: platform.zh,
};

export const en: typeof zh = {
  ...common.en,
  agents: agents.en,
  groups: groups.en,
  keywords: keywords.en,
  quick: quick.en,
  history: history.en,
  widget: widget.en,
  statistics: statistics.en,
  live: live.en,
  platform: platform.en,
};

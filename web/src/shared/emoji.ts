/** The emoji that the pages offer: Unicode, drawn by the reader's system. */
export const EMOJI: readonly string[] = [
  ..."😀😃😄😁😆😅🤣😂🙂😉😊😇🥰😍🤩😘😋😜🤪🤗🤔🤨😐😏😒🙄😬😌😔😴😷🤒🥵🥶😵🤯🥳😎🤓😕😟😮😲😳🥺😢😭😱😤😡👍👎👌🤝🙏👏💪👋🤞🎉🎁🛒📦🚚💰🌹❤💔⭐🔥✅❌❓",
];

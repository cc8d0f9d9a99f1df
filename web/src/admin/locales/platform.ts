/** Texts of the page of the platform's settings. */

export const zh = {
  name: "平台",
  text: "对所有店铺生效的设置。",
  socket: "WebSocket 地址",
  socketHint: "以 ws:// 或 wss:// 开头；留空则使用系统设置",
};

export const en: typeof zh = {
  name: "Platform",
  text: "Settings that hold for all shops.",
  socket: "WebSocket address",
  socketHint: "Begins with ws:// or wss://. Empty: as the installation is set up.",
};

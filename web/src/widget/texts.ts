/** Texts of the launcher. */

export interface Texts {
  open: string;
  close: string;
  unread: string;
  dismiss: string;
  failed: string;
  retry: string;
  newWindow: string;
}

const ZH: Texts = {
  open: "打开在线客服",
  close: "关闭在线客服",
  unread: "条未读消息",
  dismiss: "不再显示这条消息",
  failed: "暂时无法打开在线客服",
  retry: "重试",
  newWindow: "在新窗口打开",
};

const EN: Texts = {
  open: "Open chat",
  close: "Close chat",
  unread: "unread",
  dismiss: "Dismiss this message",
  failed: "The chat could not be opened",
  retry: "Retry",
  newWindow: "Open in a new window",
};

/** The first of these languages that there is; "" for none of them. */
export function languageOf(...wanted: readonly string[]): string {
  const found = wanted.find((name) => /^(zh|en)\b/i.test(name));
  if (!found) return "";
  return found.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
}

export function textsOf(language: string): Texts {
  return language === "zh-CN" ? ZH : EN;
}

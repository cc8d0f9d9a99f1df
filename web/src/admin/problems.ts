/** What went wrong, in the person's language. */

import { ElMessage, ElMessageBox } from "element-plus";

import { LoggedOut, Refused } from "@/shared/api";

import { has, t } from "./i18n";

/** What the server says, which it says in Chinese, by key of `refusals` in the locales. */
const KNOWN: Record<string, string> = {
  参数错误: "parameter",
  账号或密码错误: "credentials",
  "该客服账号未启用，请联系管理员": "disabled",
  请输入验证码: "captcha",
  验证码错误: "wrongCaptcha",
  "登录失败次数过多，请稍后再试": "tooMany",
  "操作过于频繁，请稍后再试": "tooFast",
  "系统繁忙，请稍后再试": "busy",
  账号已存在: "taken",
  关键词重复: "keyword",
  客服不存在: "noAgent",
  分组不存在: "noGroup",
  数据不存在: "noRow",
  地址格式不正确: "address",
  原密码错误: "oldPassword",
  "上传过于频繁，请稍后再试": "uploads",
  请选择要上传的图片: "noFile",
  图片格式不正确: "picture",
  客服连接异常: "gateways",
};

/** "" where nothing need be said, because the login page says it. */
export function problem(error: unknown): string {
  if (error instanceof LoggedOut) return "";
  if (error instanceof Refused) {
    const key = `refusals.${KNOWN[error.message] ?? ""}`;
    return has(key) ? t(key) : error.message || t("unreachable");
  }
  return t("unreachable");
}

export function complain(error: unknown): void {
  const text = problem(error);
  if (text) ElMessage({ type: "error", message: text, showClose: true, duration: 6000 });
}

export function done(text: string): void {
  ElMessage({ type: "success", message: text });
}

/** Ask before something that cannot be undone. */
export async function isSure(text: string, action: string): Promise<boolean> {
  try {
    await ElMessageBox.confirm(text, {
      confirmButtonText: action,
      cancelButtonText: t("cancel"),
      confirmButtonClass: "el-button--danger",
      type: "warning",
      autofocus: false,
    });
    return true;
  } catch {
    return false; // how the box says that it was dismissed
  }
}

/** Texts of the shop front. What the goods are called is the shop's own. */

import { makeTexts } from "@/shared/texts";

const zh = {
  youAre: "当前身份",
  visitor: "访客",
  service: "联系客服",
  unread: "{count} 条未读消息",
  language: "English",
  goods: "全部商品",
  sold: "已售 {count}",
  from: "{price} 起",
  stock: "库存 {count} 件",
  soldOut: "暂时缺货",
  variant: "规格",
  details: "查看详情",
  ask: "咨询客服",
  back: "返回全部商品",
  notFound: "没有这件商品",
  orders: "我的订单",
  orderNumber: "订单号 {number}",
  total: "合计",
  askOrder: "咨询此订单",
  noOrders: "还没有订单",
  visitorOrders: "登录后可以查看订单。在页面上方换成一位会员试试。",
  loading: "加载中…",
  failed: "商店加载失败",
  retry: "重试",
  tryTitle: "这是演示商店，两边都可以试",
  step1: "在另一个窗口打开客服工作台，用下面的账号登录。",
  step2: "回到这里，在页面上方选择身份，点击任意商品或订单的“咨询客服”。",
  step3: "在工作台回复，消息会立即出现在这里。",
  console: "客服工作台",
  office: "管理后台",
  alone: "独立聊天页",
  aloneNote: "无需嵌入，直接发链接给客户",
  account: "账号",
  password: "密码",
  or: "或",
  shopRole: "（店铺）",
  platformRole: "（平台）",
  newWindow: "在新窗口打开",
  embedTitle: "嵌入到您的网站只需要一行",
  footer: "演示商店 · 所有商品、会员和订单均为虚构",
} as const;

type Key = keyof typeof zh;

const en: Record<Key, string> = {
  youAre: "You are",
  visitor: "Visitor",
  service: "Contact us",
  unread: "{count} unread",
  language: "中文",
  goods: "All products",
  sold: "{count} sold",
  from: "from {price}",
  stock: "{count} in stock",
  soldOut: "Out of stock",
  variant: "Variant",
  details: "Details",
  ask: "Ask about this",
  back: "All products",
  notFound: "There is no such product",
  orders: "My orders",
  orderNumber: "Order {number}",
  total: "Total",
  askOrder: "Ask about this order",
  noOrders: "No orders yet",
  visitorOrders: "Orders are shown to who has logged in. Choose a member at the top of the page.",
  loading: "Loading…",
  failed: "The shop could not be loaded",
  retry: "Retry",
  tryTitle: "This is a demo shop: try both sides",
  step1: "Open the agents' console in another window, and log in with the account below.",
  step2:
    "Come back, choose who you are at the top of the page, and ask about a product or an order.",
  step3: "Answer in the console. The message appears here at once.",
  console: "Agent console",
  office: "Back office",
  alone: "Chat page",
  aloneNote: "Nothing to embed: a link for your customers",
  account: "User",
  password: "Password",
  or: "or",
  shopRole: "(shop)",
  platformRole: "(platform)",
  newWindow: "opens in a new window",
  embedTitle: "All that a page of yours needs is this line",
  footer: "Demo shop · all products, members and orders are made up",
};

export const texts = makeTexts<Key>(zh, en);
export const t = texts.t;

export function money(text: string): string {
  return `¥${text}`;
}

export function day(seconds: number): string {
  return new Intl.DateTimeFormat(texts.locale, { dateStyle: "medium" }).format(seconds * 1000);
}

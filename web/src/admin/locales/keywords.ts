/** Texts of the page of the keyword replies. */

export const zh = {
  text: "顾客发送的内容与关键词完全一致时，系统立即自动回复。",
  add: "添加关键词",
  edit: "编辑关键词",
  keyword: "关键词",
  keywordHint: "顾客的消息与它完全一致时触发",
  answer: "回复内容",
  used: "启用",
  uses: "启用关键词 {word}",
  search: "搜索关键词",
  none: "还没有关键词回复",
  noneText: "把顾客常问的问题设为关键词，随时自动回复。",
  needsKeyword: "请输入关键词",
  needsAnswer: "请输入回复内容",
  sure: "确定删除关键词“{word}”吗？",
};

export const en: typeof zh = {
  text: "A customer who says exactly the keyword is answered at once, at any hour.",
  add: "Add keyword",
  edit: "Edit keyword",
  keyword: "Keyword",
  keywordHint: "The whole message of the customer must be the same",
  answer: "Answer",
  used: "In use",
  uses: "Use the keyword {word}",
  search: "Search keywords",
  none: "No keyword replies yet",
  noneText: "Let what customers ask most be answered by itself.",
  needsKeyword: "Enter a keyword",
  needsAnswer: "Enter an answer",
  sure: "Delete the keyword “{word}”?",
};

/** Texts of the page of the quick replies. */

export const zh = {
  text: "客服在工作台输入“/”即可选用的常用语。",
  add: "添加快捷回复",
  edit: "编辑快捷回复",
  content: "内容",
  search: "搜索快捷回复",
  none: "还没有快捷回复",
  noneText: "把客服常说的话保存下来，一键发送。",
  needsContent: "请输入内容",
  sure: "确定删除这条快捷回复吗？",
};

export const en: typeof zh = {
  text: "What agents often say: they choose it by typing “/” in the console.",
  add: "Add quick reply",
  edit: "Edit quick reply",
  content: "Text",
  search: "Search quick replies",
  none: "No quick replies yet",
  noneText: "Save what your agents say every day, to be sent with one click.",
  needsContent: "Enter a text",
  sure: "Delete this quick reply?",
};

/** Texts of the page of the groups. */

export const zh = {
  text: "为客服分类，便于查找和管理。",
  add: "添加分组",
  edit: "编辑分组",
  name: "分组名称",
  desc: "说明",
  search: "搜索分组",
  none: "还没有分组",
  noneText: "例如按班次或业务为客服分组。",
  needsName: "请输入分组名称",
  sure: "删除分组“{name}”后，组内客服将不属于任何分组。确定删除吗？",
};

export const en: typeof zh = {
  text: "Sort your agents, so that they are easy to find.",
  add: "Add group",
  edit: "Edit group",
  name: "Name",
  desc: "Description",
  search: "Search groups",
  none: "No groups yet",
  noneText: "Sort agents by shift or by subject, for example.",
  needsName: "Enter a name",
  sure: "The agents of “{name}” will be in no group. Delete it?",
};

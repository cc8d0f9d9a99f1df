/** What the server says, which it says in Chinese, for who reads English. */

const ENGLISH: Record<string, string> = {
  参数错误: "That is not valid.",
  账号或密码错误: "Wrong user name or password.",
  请输入验证码: "Please type the letters of the picture.",
  验证码错误: "The letters were not right.",
  "该客服账号未启用，请联系管理员": "This account is disabled; ask your administrator.",
  "客服未启用，请联系管理员": "The service is not ready; ask your administrator.",
  "登录失败次数过多，请稍后再试": "Too many failed logins; please try again later.",
  "操作过于频繁，请稍后再试": "Too fast; please try again in a moment.",
  "系统繁忙，请稍后再试": "The server is busy; please try again in a moment.",
  账号在其他地方登录: "You have logged in elsewhere.",
  客服连接异常: "The connection to the service failed.",
  没有指定会员: "There is no such customer.",
  没有指定会话人员: "There is no such customer.",
  "不能发送空消息哦！": "There is nothing to send.",
  消息内容过长: "The message is too long.",
  图片地址不正确: "The picture cannot be sent.",
  商品不存在: "These goods do not exist any more.",
  订单不存在: "This order does not exist any more.",
  消息不存在: "This message does not exist any more.",
  消息发送已超过可撤回时间: "It is too late to take this message back.",
  未开启消息撤回: "Messages cannot be taken back here.",
  原密码错误: "The current password is wrong.",
  请选择要上传的图片: "Please choose a picture.",
  图片格式不正确: "This kind of picture is not supported.",
  "上传过于频繁，请稍后再试": "Too many pictures; please try again in a moment.",
  "商城系统暂时无法访问，请稍后再试": "The shop cannot be reached; please try again in a moment.",
};

/** A text of the server in the person's language, as far as it is known. */
export function translate(message: string, locale: string): string {
  return locale === "en" ? (ENGLISH[message] ?? message) : message;
}

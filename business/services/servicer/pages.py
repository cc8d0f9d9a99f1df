"""The login page: a plain form that works without anything else being installed."""

from __future__ import annotations

_LOGIN = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>客服登录</title>
</head>
<body>
<h1>客服登录</h1>
<form id="login" method="post" action="%(path)s">
<p><label>账号 <input name="username" autocomplete="username" required></label></p>
<p><label>密码 <input name="password" type="password" autocomplete="current-password"
 required></label></p>
<p id="captcha" hidden><label>验证码 <input name="captcha" autocomplete="off" maxlength="4"></label>
<input name="captcha_id" type="hidden"> <img alt="验证码" width="130" height="44"></p>
<p><button>登录</button></p>
<p id="answer" role="status"></p>
</form>
<script>
const form = document.getElementById("login");
const answer = document.getElementById("answer");
const captcha = document.getElementById("captcha");
const image = captcha.querySelector("img");
async function draw() {
  const result = await (await fetch("captcha")).json();
  if (result.code !== 0) return;
  image.src = result.data.img;
  form.elements.captcha_id.value = result.data.id;
  form.elements.captcha.value = "";
  captcha.hidden = false;
}
image.addEventListener("click", draw);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const response = await fetch(form.action, {
    method: "POST",
    body: new URLSearchParams(new FormData(form)),
    headers: {"X-Requested-With": "XMLHttpRequest"},
  });
  const result = await response.json();
  answer.textContent = result.code === 0 ? "登录成功" : result.message;
  if (result.code !== 0 && (!captcha.hidden || result.message === "请输入验证码")) await draw();
});
</script>
</body>
</html>
"""


def login_page(path: str) -> str:
    """The page, complete.

    Args:
        path: of the endpoint that it belongs to.
    """
    return _LOGIN % {"path": path}

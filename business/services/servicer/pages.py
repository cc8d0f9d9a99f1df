"""The login page: a plain form that works without anything else being installed."""

from __future__ import annotations

from .identity import LOGIN_PATH

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
<p><button>登录</button></p>
<p id="answer" role="status"></p>
</form>
<script>
const form = document.getElementById("login");
const answer = document.getElementById("answer");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const response = await fetch(form.action, {
    method: "POST",
    body: new URLSearchParams(new FormData(form)),
    headers: {"X-Requested-With": "XMLHttpRequest"},
  });
  const result = await response.json();
  answer.textContent = result.code === 0 ? "登录成功" : result.message;
});
</script>
</body>
</html>
"""


def login_page() -> str:
    """The page, complete."""
    return _LOGIN % {"path": LOGIN_PATH}

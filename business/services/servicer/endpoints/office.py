"""What the back offices call: ``/servicer/shop/*`` and ``/servicer/admin/*`` (CONTRACT 5).

A shop's back office sees and changes its own shop only: the shop is that of the login, never a
parameter. There are no default passwords.
"""

from __future__ import annotations

import urllib.parse
from typing import Any

from sqlalchemy import Connection

from ..answers import base, console, office
from ..envelope import PARAMETER_ERROR, Family, Refused, Reply, page
from ..html import Sanitizer
from ..params import Number, Paged, Params, Search, Text, Word, limit_of, to_number
from ..passwords import check_password
from ..store import agents as accounts
from ..store import office as store
from ..store.agents import Login
from ..store.replies import MAX_KEYWORD
from ..store.tables import fast_reply, group, keyword_reply
from .table import Call, Caller, Declarations

SHOP = Declarations("shop", Caller.SHOP, Family.MODEL)
PLATFORM = Declarations("admin", Caller.PLATFORM, Family.MODEL)

PAGE_SIZE = 10

MAX_NAME = 50
"""Characters of a user name, a nickname, and the name of a group."""

MAX_SHORT = 255
"""Characters of a quick reply, and of what a group is described with."""

MAX_REPLY = 4000
"""Characters of a keyword's reply: in MySQL's TEXT at four bytes each, with room for tags."""

MAX_URL = 500
MAX_IDS = 500

NO_AGENT = "客服不存在"
NO_GROUP = "分组不存在"
NO_ROW = "数据不存在"
SAME_KEYWORD = "关键词重复"
TYPES = ("disable", "system", "third")


class Listed(Paged):
    """A page of a list."""

    page_size: Number = PAGE_SIZE
    search_text: Search = ""

    @property
    def limit(self) -> int:
        """Rows per page."""
        return limit_of(self.page_size, PAGE_SIZE)

    @property
    def offset(self) -> int:
        """Rows before the page."""
        return (self.page_number - 1) * self.limit


class AgentsParams(Listed):
    """Of ``servicer/index``. ``search_type``: ``s.nickname`` or ``u.username``; ``search_keys``:
    part of the nickname, of older versions."""

    status: Word = ""
    search_type: Word = ""
    search_keys: Search = ""


class UidParams(Params):
    """An agent."""

    uid: Number = 0


class AddAgentParams(Params):
    """Of ``servicer/add``."""

    username: Text = ""
    password: Text = ""
    group_id: Number = 0
    nickname: Text = ""
    avatar: Word = ""


class EditAgentParams(UidParams):
    """Of ``servicer/edit``. What is not sent stays as it is."""

    group_id: Number | None = None
    status: Number | None = None
    nickname: Text | None = None
    avatar: Word | None = None


class StatusParams(UidParams):
    """Of ``servicer/modifyUserStatus``."""

    status: Number = 0


class PasswordParams(UidParams):
    """Of ``servicer/modifyPassword``."""

    password: Text = ""


class OwnPasswordParams(Params):
    """Of ``login/modifyPassword``."""

    old_pass: Text = ""
    new_pass: Text = ""


class GroupsParams(Listed):
    """Of ``group/index``."""

    search_keys: Search = ""


class GroupParams(Params):
    """Of ``group/add`` and ``group/edit``."""

    group_id: Number = 0
    group_name: Text = ""
    desc: Text = ""


class GroupIdParams(Params):
    """Of ``group/delete``."""

    group_id: Number = 0


class KeywordParams(Params):
    """Of ``keyword/add`` and ``keyword/edit``."""

    id: Number = 0
    keyword: Text = ""
    content: Text = ""
    is_use: Number = 1


class FastParams(Params):
    """Of ``fast/add`` and ``fast/edit``."""

    id: Number = 0
    content: Text = ""


class IdsParams(Params):
    """Rows: numbers with commas between them."""

    ids: Word = ""


class UseParams(IdsParams):
    """Of ``keyword/changeUse``."""

    is_use: Number = 0


class PlatformConfigParams(Params):
    """Of ``admin/config/config``. Without ``web_socket``, nothing is set."""

    web_socket: Text | None = None


class ShopConfigParams(Params):
    """Of ``shop/config/config``. Without ``type``, nothing is set."""

    type: Word = ""
    applet: Word = ""
    third: Word = ""
    socket_url: Word = ""


def check_name(text: str, most: int = MAX_NAME) -> str:
    """A text that must be there and not be too long."""
    text = text.strip()
    if not text or len(text) > most:
        raise Refused("参数错误", PARAMETER_ERROR)
    return text


def _short(text: str, most: int) -> str:
    text = text.strip()
    if len(text) > most:
        raise Refused("参数错误", PARAMETER_ERROR)
    return text


def _flag(number: int) -> int:
    if number not in (0, 1):
        raise Refused("参数错误", PARAMETER_ERROR)
    return number


def _ids(text: str) -> list[int]:
    ids = [to_number(word) for word in text.split(",")[: MAX_IDS + 1] if word.strip()]
    if not ids or len(ids) > MAX_IDS or min(ids) <= 0:
        raise Refused("参数错误", PARAMETER_ERROR)
    return ids


def check_avatar(path: str) -> str:
    """A picture of this site, or any on the web: a shop chooses its agents' pictures itself."""
    if len(path) <= MAX_URL and Sanitizer().image(path):
        return path
    return _url(path, ("http", "https"))


def _url(text: str, schemes: tuple[str, ...]) -> str:
    """A URL of one of the schemes, "" for none.

    Raises:
        Refused: it is another text.
    """
    try:
        parts = urllib.parse.urlsplit(text)
        is_good = parts.scheme in schemes and bool(parts.hostname)
    except ValueError:
        is_good = False
    if text and (not is_good or len(text) > MAX_URL or any(c in text for c in "<>\"' \\")):
        raise Refused("地址格式不正确")
    return text


# Agents


@SHOP.add("servicer/index", AgentsParams, base.Page[office.Account])
async def agents(call: Call, params: AgentsParams) -> Any:
    """A page of the shop's agents."""
    text = params.search_text or params.search_keys
    by = "username" if params.search_type == "u.username" else "nickname"
    status = int(params.status) if params.status in ("0", "1") else None
    site_id = call.by.agent.site_id
    rows, count = await call.servicer.database.read(
        lambda c: store.agents(
            c, site_id, **{by: text}, status=status, offset=params.offset, limit=params.limit
        )
    )
    return page(rows, count, params.limit)


@SHOP.add("servicer/add", AddAgentParams, office.MadeAgent, changes=True)
async def add_agent(call: Call, params: AddAgentParams) -> Any:
    """Make an account for an agent of the shop."""
    servicer, site_id = call.servicer, call.by.agent.site_id
    username = check_name(params.username)
    if reason := check_password(params.password):
        raise Refused(reason)
    nickname, avatar = _short(params.nickname, MAX_NAME), check_avatar(params.avatar)
    hashed = await servicer.passwords.hash(params.password)
    now = servicer.now()

    def unit(connection: Connection) -> int:
        if store.is_taken(connection, username):
            raise Refused("账号已存在")
        if not store.has_group(connection, site_id, params.group_id):
            raise Refused(NO_GROUP)
        return accounts.create(
            connection,
            site_id,
            username,
            hashed,
            nickname or username,
            now,
            group_id=params.group_id,
            avatar=avatar,
        )

    uid = await servicer.database.write(unit)
    servicer.directory.forget()
    return {"uid": uid}


@SHOP.add("servicer/edit", EditAgentParams, base.Nothing, changes=True)
async def edit_agent(call: Call, params: EditAgentParams) -> Any:
    """Change an agent of the shop."""
    site_id, group_id = call.by.agent.site_id, params.group_id
    of_account: dict[str, Any] = {}
    of_agent: dict[str, Any] = {}
    if group_id is not None:
        of_account["group_id"] = group_id
    if params.status is not None:
        of_account["status"] = _flag(params.status)
    if params.nickname is not None:
        of_agent["nickname"] = check_name(params.nickname)
    if params.avatar is not None:
        of_agent["avatar"] = check_avatar(params.avatar)

    def unit(connection: Connection) -> None:
        if not store.has_group(connection, site_id, group_id or 0):
            raise Refused(NO_GROUP)
        store.edit_agent(connection, params.uid, of_account, of_agent)

    return await change_agent(call, params.uid, unit, ends_logins=params.status == 0)


@SHOP.add("servicer/delete", UidParams, base.Nothing, changes=True)
async def delete_agent(call: Call, params: UidParams) -> Any:
    """Let an agent go. What the agent said stays, under the same name."""
    now = call.servicer.now()
    return await change_agent(
        call, params.uid, lambda c: store.delete_agent(c, params.uid, now), ends_logins=True
    )


@SHOP.add("servicer/modifyUserStatus", StatusParams, base.Nothing, changes=True)
async def modify_status(call: Call, params: StatusParams) -> Any:
    """Enable an agent, or not; the logins of one who is not end."""
    values = {"status": _flag(params.status)}
    return await change_agent(
        call,
        params.uid,
        lambda c: store.edit_agent(c, params.uid, values, {}),
        ends_logins=params.status == 0,
    )


@SHOP.add("servicer/modifyPassword", PasswordParams, base.Nothing, changes=True)
async def modify_password(call: Call, params: PasswordParams) -> Any:
    """Give an agent another password; the agent's logins end."""
    if reason := check_password(params.password):
        raise Refused(reason)
    hashed = await call.servicer.passwords.hash(params.password)
    return await change_agent(
        call,
        params.uid,
        lambda c: accounts.set_password(c, params.uid, hashed),
        ends_logins=True,
    )


async def change_agent(call: Call, uid: int, change: Any, *, ends_logins: bool) -> str:
    """Change an agent of the caller's shop.

    Args:
        call: of the back office.
        uid: the agent.
        change: what is done, given the connection.
        ends_logins: whether the agent's logins end, and the sockets are put out.

    Returns:
        The data of the answer.

    Raises:
        Refused: the shop has no such agent.
    """
    servicer, site_id = call.servicer, call.by.agent.site_id

    def unit(connection: Connection) -> None:
        if not store.is_agent(connection, site_id, uid):
            raise Refused(NO_AGENT)
        change(connection)
        if ends_logins:
            store.log_out(connection, uid)

    await servicer.database.write(unit)
    servicer.directory.forget()
    servicer.sessions.forget()
    if ends_logins:
        nobody = Login(0, uid, 0)
        servicer.pusher.run(servicer.agents.put_out_others(nobody))
    return ""


# Groups


@SHOP.add("group/index", GroupsParams, base.Page[office.Group])
async def groups(call: Call, params: GroupsParams) -> Any:
    """A page of the shop's groups of agents."""
    site_id, text = call.by.agent.site_id, params.search_keys or params.search_text
    rows, count = await call.servicer.database.read(
        lambda c: store.groups(c, site_id, text, params.offset, params.limit)
    )
    return page(rows, count, params.limit)


@SHOP.add("group/add", GroupParams, office.MadeGroup, changes=True)
async def add_group(call: Call, params: GroupParams) -> Any:
    """Make a group."""
    values = _group(params) | {
        "site_id": call.by.agent.site_id,
        "create_time": int(call.servicer.now()),
    }
    made = await call.servicer.database.write(lambda c: store.add(c, group, values))
    return {"group_id": made}


@SHOP.add("group/edit", GroupParams, base.Nothing, changes=True)
async def edit_group(call: Call, params: GroupParams) -> Any:
    """Change a group."""
    site_id, values = call.by.agent.site_id, _group(params)
    if not await call.servicer.database.write(
        lambda c: store.edit_group(c, site_id, params.group_id, values)
    ):
        raise Refused(NO_GROUP)
    return ""


@SHOP.add("group/delete", GroupIdParams, base.Nothing, changes=True)
async def delete_group(call: Call, params: GroupIdParams) -> Any:
    """Delete a group; its agents stay, in none."""
    site_id = call.by.agent.site_id
    if not await call.servicer.database.write(
        lambda c: store.delete_group(c, site_id, params.group_id)
    ):
        raise Refused(NO_GROUP)
    return ""


def _group(params: GroupParams) -> dict[str, Any]:
    return {"group_name": check_name(params.group_name), "desc": _short(params.desc, MAX_SHORT)}


# Keyword replies


@SHOP.add("keyword/index", Listed, base.Page[office.KeywordReply])
async def keywords(call: Call, params: Listed) -> Any:
    """A page of the shop's keyword replies."""
    site_id = call.by.agent.site_id
    rows, count = await call.servicer.database.read(
        lambda c: store.keywords(c, site_id, params.search_text, params.offset, params.limit)
    )
    return page(rows, count, params.limit)


@SHOP.add("keyword/add", KeywordParams, office.MadeRow, changes=True)
async def add_keyword(call: Call, params: KeywordParams) -> Any:
    """Answer a keyword from now on."""
    site_id = call.by.agent.site_id
    values = _keyword(params) | {"site_id": site_id, "create_time": int(call.servicer.now())}
    made = await call.servicer.database.write(lambda c: store.add_keyword(c, values))
    if made is None:
        raise Refused(SAME_KEYWORD)
    return {"id": made}


@SHOP.add("keyword/edit", KeywordParams, base.Nothing, changes=True)
async def edit_keyword(call: Call, params: KeywordParams) -> Any:
    """Change a keyword reply."""
    site_id, values = call.by.agent.site_id, _keyword(params)
    is_there = await call.servicer.database.write(
        lambda c: store.edit_keyword(c, site_id, params.id, values)
    )
    if not is_there:
        raise Refused(NO_ROW if is_there is False else SAME_KEYWORD)
    return ""


@SHOP.add("keyword/delete", IdsParams, base.Nothing, changes=True)
async def delete_keywords(call: Call, params: IdsParams) -> Any:
    """Delete keyword replies."""
    return await _delete(call, keyword_reply, params)


@SHOP.add("keyword/changeUse", UseParams, base.Nothing, changes=True)
async def change_use(call: Call, params: UseParams) -> Any:
    """Answer keywords, or do not for a while."""
    site_id, ids, values = call.by.agent.site_id, _ids(params.ids), {"is_use": _flag(params.is_use)}
    await call.servicer.database.write(
        lambda c: store.edit_all(c, keyword_reply, site_id, ids, values)
    )
    return ""


def _keyword(params: KeywordParams) -> dict[str, Any]:
    return {
        "keyword": check_name(params.keyword, MAX_KEYWORD),
        "content": check_name(params.content, MAX_REPLY),
        "content_type": 0,
        "is_use": _flag(params.is_use),
    }


async def _delete(call: Call, table: Any, params: IdsParams) -> str:
    site_id, ids = call.by.agent.site_id, _ids(params.ids)
    await call.servicer.database.write(lambda c: store.delete_all(c, table, site_id, ids))
    return ""


# Quick replies


@SHOP.add("fast/index", Listed, base.Page[office.FastReply])
async def fast_replies(call: Call, params: Listed) -> Any:
    """A page of the shop's quick replies."""
    site_id = call.by.agent.site_id
    rows, count = await call.servicer.database.read(
        lambda c: store.fast_replies(c, site_id, params.search_text, params.offset, params.limit)
    )
    return page(rows, count, params.limit)


@SHOP.add("fast/add", FastParams, office.MadeRow, changes=True)
async def add_fast(call: Call, params: FastParams) -> Any:
    """Offer the agents another quick reply."""
    values = {
        "content": check_name(params.content, MAX_SHORT),
        "site_id": call.by.agent.site_id,
        "create_time": int(call.servicer.now()),
    }
    made = await call.servicer.database.write(lambda c: store.add(c, fast_reply, values))
    return {"id": made}


@SHOP.add("fast/edit", FastParams, base.Nothing, changes=True)
async def edit_fast(call: Call, params: FastParams) -> Any:
    """Change a quick reply."""
    site_id, values = call.by.agent.site_id, {"content": check_name(params.content, MAX_SHORT)}
    if not await call.servicer.database.write(
        lambda c: store.edit(c, fast_reply, site_id, params.id, values)
    ):
        raise Refused(NO_ROW)
    return ""


@SHOP.add("fast/delete", IdsParams, base.Nothing, changes=True)
async def delete_fast(call: Call, params: IdsParams) -> Any:
    """Delete quick replies."""
    return await _delete(call, fast_reply, params)


# Settings


@SHOP.add("config/config", ShopConfigParams, console.ReachValue, changes=True)
async def shop_config(call: Call, params: ShopConfigParams) -> Any:
    """What the shop has set; with ``type``, set it."""
    site_id = call.by.agent.site_id
    if not params.type:
        value = await call.servicer.database.read(
            lambda c: store.get_config(c, site_id, store.SHOP_CONFIG)
        )
        return {"value": {"type": "system", "applet": "", "third": "", "socket_url": ""} | value}
    if params.type not in TYPES:
        raise Refused("参数错误", PARAMETER_ERROR)
    value = {
        "type": params.type,
        "applet": _short(params.applet, MAX_URL),
        "third": _url(params.third, ("http", "https")),
        "socket_url": _url(params.socket_url, ("ws", "wss")),
    }
    await call.servicer.database.write(
        lambda c: store.set_config(c, site_id, store.SHOP_CONFIG, value)
    )
    return {"value": value}


@PLATFORM.add("config/config", PlatformConfigParams, office.PlatformConfig, changes=True)
async def platform_config(call: Call, params: PlatformConfigParams) -> Any:
    """What the platform has set; with ``web_socket``, set it."""
    if params.web_socket is None:
        value = await call.servicer.database.read(
            lambda c: store.get_config(c, 0, store.SERVICER_CONFIG)
        )
        return {"value": {"web_socket": ""} | value}
    value = {"web_socket": _url(params.web_socket.strip(), ("ws", "wss"))}
    await call.servicer.database.write(
        lambda c: store.set_config(c, 0, store.SERVICER_CONFIG, value)
    )
    return {"value": value}


# Their own passwords


@SHOP.add("login/modifyPassword", OwnPasswordParams, base.Nothing, changes=True)
@PLATFORM.add("login/modifyPassword", OwnPasswordParams, base.Nothing, changes=True)
async def own_password(call: Call, params: OwnPasswordParams) -> Any:
    """Change the password of who is logged in."""
    await call.servicer.sessions.change_password(call.by, params.old_pass, params.new_pass)
    return Reply("", "修改成功")


endpoints = [*SHOP, *PLATFORM]

"""What the agents' console calls: ``/servicer/servicer/*`` (CONTRACT 4), logged in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from shared.errors import GatewayError

from .. import capabilities
from ..answers import base, chat, console, goods
from ..cards import NO_GOODS, NO_ORDER, find_order, find_sku, show_order, show_sku
from ..client_config import client_config
from ..content import Said, check_client_msg_id
from ..customers import BAD_SOCKET
from ..envelope import EMPTY_MESSAGE, Family, Refused, Reply, page
from ..history import show
from ..messages import NOBODY, with_names
from ..params import Number, Paged, Params, Text, Word, limit_of, to_number
from ..push import agent_uid, frame
from ..store import conversations, dialogues, lists, pairs
from ..store.dialogues import Side
from ..store.pairs import Row
from .customer import EMPTY, TOO_FAST, OrderParams, SkuParams, find_socket, to_flag
from .table import Call, Caller, Declarations

endpoints = Declarations("servicer", Caller.AGENT, Family.RESULT)

NO_MEMBER = "没有指定会员"
AWAY = "会员不在线"
THANKS = "会话已结束！感谢您的咨询"

LIST_SIZE = 10
"""Customers per page."""


class MemberParams(Params):
    """A customer."""

    member_id: Number = 0


class BindParams(Params):
    """Of ``chat/bind``. ``caps``: comma-separated types of frames that the client knows beyond
    those of the original (``read``, ``typing``, ``recall``, ``accepting``)."""

    client_id: Word = ""
    bind_key: Word = ""
    caps: Word = ""


class AnswerParams(MemberParams):
    """Of ``chat/answer``. The text is ``servicer_say``, else ``message``."""

    content_type: Number = 0
    servicer_say: Text = ""
    message: Text = ""
    goods_id: Number = 0
    order_id: Number = 0
    client_msg_id: Word = ""
    format: Word = ""


class DialogsParams(Paged):
    """Of ``index/dialogs``. ``after_id``: what came after that message, oldest first."""

    member_id: Number = 0
    limit: Number = 15
    after_id: Number = 0


class PasswordParams(Params):
    """Of ``login/modifyPassword``."""

    old_pass: Text = ""
    new_pass: Text = ""


class HistoryParams(Paged):
    """Of ``index/historyMembers``."""

    size: Number = LIST_SIZE


class AcceptingParams(Params):
    """Of ``index/accepting``. ``accepting``: 1 or 0; none: it stays as it is."""

    accepting: Word = ""


class TypingParams(MemberParams):
    """Of ``chat/typing``. ``typing``: 1 or 0."""

    typing: Number = 0


class RecallParams(MemberParams):
    """Of ``chat/recall``. ``id``: of an own message."""

    id: Number = 0


@endpoints.add("chat/bind", BindParams, console.MaybeServicerId, changes=True)
async def bind(call: Call, params: BindParams) -> Any:
    """Bind a socket to the agent who is logged in."""
    servicer, agent = call.servicer, call.by.agent
    if not params.client_id:
        return Reply("", "缺少参数")
    keys = (f"s:{agent.uid}", f"a:{call.address}")
    if any(servicer.bind_refusals.is_full(key, call.received) for key in keys):
        raise Refused(TOO_FAST)
    socket = await find_socket(call, params, agent_uid(agent.uid))
    if socket is None:
        for key in keys:
            servicer.bind_refusals.add(key, call.received)
        raise Refused(BAD_SOCKET)
    caps = capabilities.parse(params.caps)
    await servicer.agents.bind(agent, call.by.login, socket, caps)
    return {"servicer_id": agent.uid}


def _empty() -> Refused:
    return Refused(EMPTY, EMPTY_MESSAGE)


@endpoints.add("chat/answer", AnswerParams, chat.MaybeAnswered, changes=True)
async def answer(call: Call, params: AnswerParams) -> Any:
    """Say something to a customer, whether connected or not."""
    servicer, agent = call.servicer, call.by.agent
    own_id = check_client_msg_id(params.client_msg_id)
    if params.member_id <= 0:
        raise Refused(NOBODY)
    if not servicer.says.take(f"a{agent.uid}", call.received):
        raise Refused(TOO_FAST)
    said = Said(
        params.content_type,
        params.servicer_say or params.message,
        params.format,
        params.goods_id,
        params.order_id,
    )
    content = await servicer.checker.check(said, agent.site_id, params.member_id, _empty)
    sent = await servicer.messages.answer(agent, params.member_id, content, own_id)
    is_there = sent.stored.reached if sent.delivered is None else sent.delivered
    return Reply(sent.receipt() if own_id else "", "发送成功" if is_there else AWAY)


async def _is_known(call: Call, member_id: int) -> bool:
    """Whether a member can be written to: one of the shop's, or one who has been here."""
    if member_id <= 0:
        return False
    if await call.servicer.shop.member(member_id) is not None:
        return True
    return await _is_linked(call, member_id)


async def _is_linked(call: Call, member_id: int) -> bool:
    """Whether a member has been in the agent's shop."""
    if member_id <= 0:
        return False
    site_id = call.by.agent.site_id
    return await call.servicer.database.read(
        lambda c: conversations.is_linked(c, site_id, member_id)
    )


@endpoints.add("chat/bindMember", MemberParams, console.MaybeServicerId, changes=True)
async def bind_member(call: Call, params: MemberParams) -> Any:
    """Take a customer who is there."""
    if not await _is_known(call, params.member_id):
        raise Refused(NO_MEMBER)
    is_new = await call.servicer.customers.attach(call.by.agent, params.member_id)
    if is_new is None:
        return Reply("", AWAY)
    data = {"servicer_id": call.by.agent.uid}
    return Reply(data, "会员连接成功" if is_new else "无需重复连接")


@endpoints.add("chat/closeMember", MemberParams, base.Nothing, changes=True)
async def close_member(call: Call, params: MemberParams) -> Any:
    """End a customer's chat with the agent's shop."""
    agent = call.by.agent
    if not await _is_linked(call, params.member_id):
        raise Refused(NO_MEMBER)
    last = frame("close", {"status": True, "msg": THANKS}, msg=THANKS)
    await call.servicer.customers.bye(
        params.member_id, agent.site_id, call.received, last, closed_by=agent.uid
    )
    return Reply("", "已结束会员会话")


@endpoints.add("chat/orderDetail", OrderParams, goods.Order, family=Family.MODEL)
async def order_detail(call: Call, params: OrderParams) -> Any:
    """An order of the agent's shop, of a member who has been here."""
    order = await find_order(call.servicer.shop, params.order_id)
    if order.site_id != call.by.agent.site_id or not await _is_linked(call, order.member_id):
        raise Refused(NO_ORDER)
    return show_order(order)


@endpoints.add("chat/goodSkuDetial", SkuParams, goods.Sku, family=Family.MODEL)
async def sku_detail(call: Call, params: SkuParams) -> Any:
    """A sku of the agent's shop."""
    sku = await find_sku(call.servicer.shop, params.sku_id)
    if sku.site_id != call.by.agent.site_id:
        raise Refused(NO_GOODS)
    return show_sku(sku)


@endpoints.add("chat/siteInfo", Params, chat.SiteInfo)
async def site_info(call: Call, params: Params) -> Any:
    """Name and logo of the agent's shop."""
    site = await call.servicer.shop.site(call.by.agent.site_id)
    data = {"logo": site.logo if site else "", "site_name": site.site_name if site else ""}
    return {"data": data}


@endpoints.add("chat/bye", Params, base.Nothing, changes=True)
async def bye(call: Call, params: Params) -> Any:
    """Go offline; the agent's sockets are closed."""
    try:
        await call.servicer.agents.bye(call.by.agent, call.received)
    except GatewayError:
        raise Refused(BAD_SOCKET) from None
    return Reply("", "下线成功")


@endpoints.add("index/index", Paged, console.Index)
async def index(call: Call, params: Paged) -> Any:
    """The agent's customers: those who are connected, a page of those who are not, and the shop's
    customers who wait for an agent."""
    uid, site_id, number = call.by.agent.uid, call.by.agent.site_id, params.page_number

    def query(connection: Connection) -> tuple[list[Row], tuple[list[Row], int], list[Row], int]:
        return (
            pairs.online_of_agent(connection, uid),
            _offline(connection, uid, number, LIST_SIZE),
            lists.waiting(connection, site_id, LIST_SIZE),
            lists.unassigned(connection, site_id),
        )

    online, (offline, count), waiting, waiting_count = await call.servicer.database.read(query)
    return {
        "onlineMembers": [with_names(row) for row in online],
        "offlineMembers": page([with_names(row) for row in offline], count, LIST_SIZE),
        "unassignedMembers": {"count": waiting_count, "list": waiting},
    }


@endpoints.add("index/history", Params, base.Nothing)
async def history(call: Call, params: Params) -> Any:
    """A page of the original, which leads to the one that took its place."""
    return ""


@endpoints.add("index/historyMembers", HistoryParams, console.History)
async def history_members(call: Call, params: HistoryParams) -> Any:
    """A page of the agent's customers who are not connected."""
    uid, number, size = call.by.agent.uid, params.page_number, limit_of(params.size, LIST_SIZE)
    site_id = call.by.agent.site_id

    def query(connection: Connection) -> tuple[list[Row], int, dict[int, int]]:
        rows, count = _offline(connection, uid, number, size)
        ids = [row["member_id"] for row in rows]
        return rows, count, lists.unread(connection, site_id, ids)

    rows, count, unread = await call.servicer.database.read(query)
    shown = [{**with_names(row), "unread": unread.get(row["member_id"], 0)} for row in rows]
    return {"offlineMembers": page(shown, count, size)}


def _offline(connection: Connection, uid: int, number: int, size: int) -> tuple[list[Row], int]:
    return pairs.offline_of_agent(connection, uid, (number - 1) * size, size)


@endpoints.add("index/getMember", MemberParams, console.MaybeCustomer)
async def get_member(call: Call, params: MemberParams) -> Any:
    """One of the agent's customers, with the last message; None: not one of them."""
    if params.member_id <= 0:
        raise Refused(NO_MEMBER)
    agent, member_id = call.by.agent, params.member_id

    def query(connection: Connection) -> tuple[Row | None, Row | None]:
        return (
            pairs.find(connection, agent.uid, member_id),
            dialogues.last(connection, agent.site_id, member_id),
        )

    row, last = await call.servicer.database.read(query)
    if row is None:
        return None
    member = await call.servicer.shop.member(member_id)
    names = with_names(row)
    if member is not None:
        names.update(nickname=member.nickname, username=member.username)
    return {**names, "last_dialog": last or []}


@endpoints.add("index/dialogs", DialogsParams, chat.Messages)
async def dialogs(call: Call, params: DialogsParams) -> Any:
    """The messages of a customer with the agent's shop, newest first."""
    if params.member_id <= 0:
        raise Refused(NO_MEMBER)
    servicer, site_id, member_id = call.servicer, call.by.agent.site_id, params.member_id
    limit = limit_of(params.limit, 15)
    after_id = params.after_id
    offset = (params.page_number - 1) * limit
    if after_id > 0:
        rows, count = await servicer.database.read(
            lambda c: dialogues.after(c, site_id, member_id, after_id, limit)
        )
    else:
        rows, count = await servicer.database.read(
            lambda c: dialogues.newest_first(c, site_id, member_id, offset, limit)
        )
    return page(await show(rows, site_id, servicer.directory, servicer.shop), count, limit)


@endpoints.add(
    "login/modifyPassword", PasswordParams, base.Nothing, changes=True, family=Family.MODEL
)
async def modify_password(call: Call, params: PasswordParams) -> Any:
    """Change the own password; the agent's other logins end."""
    await call.servicer.sessions.change_password(call.by, params.old_pass, params.new_pass)
    await call.servicer.agents.put_out_others(call.by.login)
    return ""


@endpoints.add("message/setRead", MemberParams, base.Count, changes=True, family=Family.MODEL)
async def set_read(call: Call, params: MemberParams) -> Any:
    """Mark what a customer said to the agent's shop as read; how many messages that were."""
    if params.member_id <= 0:
        raise Refused(NO_MEMBER)
    site_id = call.by.agent.site_id
    return await call.servicer.signals.read(
        site_id, params.member_id, Side.AGENT, call.by.agent.uid
    )


@endpoints.add("chat/typing", TypingParams, base.Nothing, changes=True)
async def typing(call: Call, params: TypingParams) -> Any:
    """Tell a customer that the agent types, or has stopped to."""
    agent = call.by.agent
    if not await _is_linked(call, params.member_id):
        raise Refused(NO_MEMBER)
    await call.servicer.signals.typing(
        agent.site_id, params.member_id, Side.AGENT, to_flag(params.typing), agent.uid
    )
    return ""


@endpoints.add("chat/recall", RecallParams, base.Nothing, changes=True)
async def recall(call: Call, params: RecallParams) -> Any:
    """Take back an own message to a customer."""
    agent = call.by.agent
    if not await _is_linked(call, params.member_id):
        raise Refused(NO_MEMBER)
    await call.servicer.signals.recall(
        agent.site_id, params.member_id, Side.AGENT, params.id, agent.uid
    )
    return ""


@endpoints.add("index/accepting", AcceptingParams, console.Accepting, changes=True)
async def accepting(call: Call, params: AcceptingParams) -> Any:
    """Whether the agent takes new customers; with ``accepting``, from now on or no longer."""
    agents, agent = call.servicer.agents, call.by.agent
    if params.accepting:
        await agents.accept(agent, to_flag(to_number(params.accepting)))
    return {"accepting": int(await agents.is_accepting(agent))}


@endpoints.add("index/me", Params, console.Me)
async def me(call: Call, params: Params) -> Any:
    """Who is logged in, and what the console needs to begin."""
    servicer, agent = call.servicer, call.by.agent
    site = await servicer.shop.site(agent.site_id)
    reached = await client_config(servicer, call.request, agent.site_id)
    return {
        "servicer_id": agent.uid,
        "username": agent.username,
        "nickname": agent.nickname,
        "avatar": agent.avatar,
        "site_id": agent.site_id,
        "site_name": site.site_name if site else "",
        "role": agent.role.name.lower(),
        "accepting": int(await servicer.agents.is_accepting(agent)),
        "websocket_url": reached["socket_url"],
        "time_zone": servicer.zone.key,
        "recall_window": servicer.signals.recall_window,
    }

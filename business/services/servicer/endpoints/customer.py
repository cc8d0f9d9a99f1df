"""What customers' pages call: ``/servicer/api/chat/*`` (CONTRACT 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from shared.errors import GatewayError

from .. import capabilities
from ..answers import base, chat, goods
from ..cards import NO_ORDER, find_order, find_sku, show_order, show_sku
from ..client_config import client_config
from ..content import Said, check_client_msg_id
from ..customers import BAD_SOCKET, describe
from ..envelope import PARAMETER_ERROR, Family, Refused, Reply, page
from ..history import show
from ..params import JsonText, Number, Paged, Params, Text, Word, limit_of
from ..push import agent_uid, customer_uid
from ..shop.interface import Site
from ..sockets import Socket
from ..store import conversations, dialogues, office, replies
from ..store.dialogues import Side
from ..widget import widget_of
from .table import Call, Caller, Declarations

endpoints = Declarations("api", Caller.CUSTOMER, Family.CUSTOMER)
public = Declarations("api", Caller.ANYBODY, Family.CUSTOMER)

NO_SHOP = "没有指定店铺"
NO_MERCHANT = "没有指定商家"
EMPTY = "不能发送空消息哦！"
TOO_FAST = "操作过于频繁，请稍后再试"

MAX_CLIENT_ID = 64

LIST_SIZE = 10
"""Shops per page."""

_LISTED = (
    "shop_id", "servicer_id", "create_time", "servicer_say", "consumer_say", "type", "content",
    "content_type", "add_time", "unread",
)  # fmt: skip


class SiteParams(Params):
    """A shop. 0 or none: the default one."""

    site_id: Number = 0


class BindParams(SiteParams):
    """Of ``bind``. ``visitor_token``: of who was not logged in before, and has talked; ``caps``:
    comma-separated types of frames that the client knows beyond those of the original (``read``,
    ``typing``, ``recall``)."""

    client_id: Word = ""
    bind_key: Word = ""
    visitor_token: Word = ""
    caps: Word = ""


class SayParams(SiteParams):
    """Of ``say``. The text is ``message``, else ``servicer_say``."""

    servicer_id: Number = 0
    content_type: Number = 0
    message: Text = ""
    servicer_say: Text = ""
    goods_id: Number = 0
    order_id: Number = 0
    relate_data: JsonText = ""
    client_msg_id: Word = ""
    format: Word = ""


class DialogsParams(Paged):
    """Of ``dialogs``. ``after_id``: what came after that message, oldest first."""

    site_id: Number = 0
    limit: Number = 5
    after_id: Number = 0


class ListParams(Paged):
    """Of ``servicerList``."""

    size: Number = 0


class OrderParams(Params):
    """An order."""

    order_id: Number = 0


class SkuParams(Params):
    """A sku."""

    sku_id: Number = 0


class ByeParams(SiteParams):
    """Of ``bye``."""

    servicer_id: Number = 0


class TypingParams(SiteParams):
    """Of ``typing``: 1 or 0."""

    typing: Number = 0


class RecallParams(SiteParams):
    """Of ``recall``. ``id``: of an own message."""

    id: Number = 0


async def _site(
    call: Call,
    site_id: int,
    text: str = NO_SHOP,
    refused: Callable[[str], Refused] = Refused.in_data,
) -> Site:
    site = await call.servicer.site(site_id)
    if site is None:
        raise refused(text)
    return site


@endpoints.add("chat/hasServicers", SiteParams, chat.OnlineCount)
async def has_servicers(call: Call, params: SiteParams) -> Any:
    """How many agents of a shop are there and take new customers."""
    site = await _site(call, params.site_id)
    return {"online_count": await _online_count(call, site.site_id)}


async def _online_count(call: Call, site_id: int) -> int:
    try:
        return len(await call.servicer.agents.available(site_id))
    except GatewayError:
        return 0


@public.add("chat/config", SiteParams, chat.Config)
async def config(call: Call, params: SiteParams) -> Any:
    """What a chat page needs before it knows who its customer is."""
    servicer = call.servicer
    site = await _site(call, params.site_id)
    reached = await client_config(servicer, call.request, site.site_id)
    own = await servicer.database.read(
        lambda c: office.get_config(c, site.site_id, office.WIDGET_CONFIG)
    )
    return {
        "site_id": site.site_id,
        "site_name": site.site_name,
        "logo": site.logo,
        "websocket_url": reached["socket_url"],
        "visitors": servicer.visitors.is_open,
        "online_count": await _online_count(call, site.site_id),
        "recall_window": servicer.signals.recall_window,
        "widget": widget_of(own),
    }


@endpoints.add("chat/bind", BindParams, chat.Agent, changes=True)
async def bind(call: Call, params: BindParams) -> Any:
    """Bind a socket to the member of the token, and find an agent."""
    servicer = call.servicer
    if not params.client_id:
        raise Refused("缺少必要的参数")
    site = await _site(call, params.site_id, NO_MERCHANT, Refused)
    keys = (f"m:{call.member_id}", f"a:{call.address}")
    if any(servicer.bind_refusals.is_full(key, call.received) for key in keys):
        raise Refused(TOO_FAST)
    socket = await find_socket(call, params, customer_uid(call.member_id))
    if socket is None:
        for key in keys:
            servicer.bind_refusals.add(key, call.received)
        raise Refused(BAD_SOCKET)
    await servicer.visitors.merge(params.visitor_token, call.member_id)
    agent = await servicer.customers.bind(
        call.member_id, site.site_id, socket, capabilities.parse(params.caps)
    )
    return describe(agent)


class _Named(Protocol):
    client_id: str
    bind_key: str


async def find_socket(call: Call, params: _Named, uid: str) -> Socket | None:
    """The socket that a ``bind`` names, if it may be bound to this uid."""
    servicer = call.servicer
    if len(params.client_id) > MAX_CLIENT_ID:
        return None
    if params.bind_key or servicer.require_bind_key:
        if not servicer.bind_keys.is_good(params.client_id, params.bind_key):
            return None
    try:
        return await servicer.sockets.can_bind(params.client_id, uid)
    except GatewayError:
        return None


@endpoints.add("chat/siteInfo", SiteParams, chat.NestedSiteInfo)
async def site_info(call: Call, params: SiteParams) -> Any:
    """Name and logo of a shop; a model's envelope inside the customer's, as ever."""
    site = await _site(call, params.site_id)
    data = {"logo": site.logo, "site_name": site.site_name}
    return {"code": 0, "message": "操作成功", "data": data}


def _empty() -> Refused:
    return Refused.in_data(EMPTY)


@endpoints.add("chat/say", SayParams, chat.Said, changes=True)
async def say(call: Call, params: SayParams) -> Any:
    """Say something to a shop."""
    servicer = call.servicer
    own_id = check_client_msg_id(params.client_msg_id)
    site = await _site(call, params.site_id, NO_MERCHANT)
    if not servicer.says.take(f"m{call.member_id}", call.received):
        raise Refused.in_data(TOO_FAST)
    said = Said(
        params.content_type,
        params.message or params.servicer_say,
        params.format,
        params.goods_id,
        params.order_id,
        params.relate_data,
    )
    content = await servicer.checker.check(said, site.site_id, call.member_id, _empty)
    sent = await servicer.messages.say(site, call.member_id, content, params.servicer_id, own_id)
    return {"read": 0, **sent.receipt()} if own_id else {"read": 0}


@endpoints.add("chat/keyword", SiteParams, chat.Keywords)
async def keyword(call: Call, params: SiteParams) -> Any:
    """The keywords that a shop answers to at once, to be offered to the customer."""
    site = await _site(call, params.site_id)
    words = await call.servicer.database.read(lambda c: replies.keywords(c, site.site_id))
    return {"is_open": int(bool(words)), "keyword_list": [{"keyword": word} for word in words]}


@endpoints.add("chat/dialogs", DialogsParams, chat.Messages)
async def dialogs(call: Call, params: DialogsParams) -> Any:
    """The member's messages with a shop: newest page first, oldest first inside a page."""
    servicer = call.servicer
    site = await _site(call, params.site_id)
    limit = limit_of(params.limit, 5)
    after_id = params.after_id
    offset = (params.page_number - 1) * limit
    if after_id > 0:
        rows, count = await servicer.database.read(
            lambda c: dialogues.after(c, site.site_id, call.member_id, after_id, limit)
        )
    else:
        rows, count = await servicer.database.read(
            lambda c: dialogues.newest_first(c, site.site_id, call.member_id, offset, limit)
        )
        rows.reverse()
    shown = await show(rows, site.site_id, servicer.directory, servicer.shop)
    return page(shown, count, limit)


@endpoints.add("chat/bye", ByeParams, base.Nothing, changes=True)
async def bye(call: Call, params: ByeParams) -> Any:
    """End the chat with a shop; the sockets that were bound for it are closed."""
    if params.servicer_id <= 0:
        raise Refused.in_data("没有指定客服")
    site = await _site(call, params.site_id)
    try:
        await call.servicer.customers.bye(call.member_id, site.site_id, call.received)
    except GatewayError:
        raise Refused(BAD_SOCKET) from None
    return Reply("", "会话已结束！")


@endpoints.add("chat/servicerList", ListParams, base.Page[chat.TalkedSite])
async def servicer_list(call: Call, params: ListParams) -> Any:
    """A page of the shops that the member has talked to, the latest first."""
    servicer = call.servicer
    size = limit_of(params.size, LIST_SIZE)
    offset = (params.page_number - 1) * size
    talks, count = await servicer.database.read(
        lambda c: conversations.of_member(c, call.member_id, offset, size)
    )
    shown = []
    for talk in talks:
        site = await servicer.shop.site(talk.site_id)
        logo, name = (site.logo, site.site_name) if site else ("", "")
        shown.append({"shop_id": talk.site_id, "logo": logo, "site_name": name})
    return page(shown, count, size)


@endpoints.add("chat/chatList", Params, list[chat.Chat])
async def chat_list(call: Call, params: Params) -> Any:
    """The last message with each shop, shops whose agents are there first."""
    servicer = call.servicer
    rows = await servicer.database.read(lambda c: dialogues.last_of_sites(c, call.member_id))
    agents = [agent for row in rows for agent in await servicer.directory.of_site(row["shop_id"])]
    try:
        uids = [agent_uid(agent.uid) for agent in agents]
        there = await servicer.sockets.ids(uids) if uids else {}
    except GatewayError:
        there = {}
    open_sites = {agent.site_id for agent in agents if there.get(agent_uid(agent.uid))}
    shown = []
    for row in rows:
        site = await servicer.shop.site(row["shop_id"])
        agent = await servicer.directory.get(row["servicer_id"])
        shown.append(
            {name: row[name] for name in _LISTED}
            | {
                "shop_name": site.site_name if site else "",
                "logo": site.logo if site else "",
                "avatar": agent.avatar if agent else "",
                "online": int(row["shop_id"] in open_sites),
            }
        )
    return sorted(shown, key=lambda row: -row["online"])


@endpoints.add("chat/orderDetail", OrderParams, goods.Order)
async def order_detail(call: Call, params: OrderParams) -> Any:
    """One of the member's own orders."""
    order = await find_order(call.servicer.shop, params.order_id)
    if order.member_id != call.member_id:
        raise Refused(NO_ORDER)
    return show_order(order)


@endpoints.add("chat/goodSkuDetial", SkuParams, goods.Sku)
async def sku_detail(call: Call, params: SkuParams) -> Any:
    """A sku, of any shop: goods are public."""
    return show_sku(await find_sku(call.servicer.shop, params.sku_id))


@endpoints.add("chat/setRead", SiteParams, base.Nothing, changes=True)
async def set_read(call: Call, params: SiteParams) -> Any:
    """Mark what a shop's agents said as read."""
    if params.site_id <= 0 or await call.servicer.site(params.site_id) is None:
        raise Refused.in_data(NO_SHOP)
    await call.servicer.signals.read(params.site_id, call.member_id, Side.CUSTOMER)
    return ""


@endpoints.add("chat/typing", TypingParams, base.Nothing, changes=True)
async def typing(call: Call, params: TypingParams) -> Any:
    """Tell the agents that the customer types, or has stopped to."""
    site = await _site(call, params.site_id)
    is_typing = to_flag(params.typing)
    await call.servicer.signals.typing(site.site_id, call.member_id, Side.CUSTOMER, is_typing)
    return ""


@endpoints.add("chat/recall", RecallParams, base.Nothing, changes=True)
async def recall(call: Call, params: RecallParams) -> Any:
    """Take back an own message."""
    site = await _site(call, params.site_id)
    await call.servicer.signals.recall(site.site_id, call.member_id, Side.CUSTOMER, params.id)
    return ""


def to_flag(number: int) -> bool:
    """What 1 and 0 stand for.

    Raises:
        Refused: it is neither.
    """
    if number not in (0, 1):
        raise Refused("参数错误", PARAMETER_ERROR)
    return number == 1

"""Customers and what was said, as the console reads them (CONTRACT 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from .base import Count, Data, Flag, Id, Image, Listed, Nothing, Page, Time
from .chat import ContentType, Message, Reach, RecallWindow, Side


class ServicerId(Data):
    """An agent."""

    servicer_id: Id


class Accepting(Data):
    """Whether the agent takes new customers while connected."""

    accepting: Flag


class Me(ServicerId, Accepting):
    """Who is logged in, and what the console needs to begin."""

    username: str
    nickname: str
    avatar: Image
    site_id: Id
    site_name: str
    role: Literal["agent"]
    websocket_url: str
    time_zone: Annotated[str, Field(description="Of the stored local times.")]
    recall_window: RecallWindow


class Captcha(Data):
    """A picture of some letters."""

    id: str
    img: Annotated[str, Field(pattern="^data:image/png;base64,")]


class Pair(Data):
    """A customer of an agent; ``online``: whether the customer is connected."""

    id: Id
    member_id: Id
    servicer_id: Id
    member_name: str
    nickname: str
    username: str
    online: Flag
    create_time: Time
    last_online_time: Time
    delete_time: Time
    headimg: Image
    client_id: str
    shop_id: Id


class UnreadPair(Pair):
    """A customer of an agent, and how many messages nobody has read."""

    unread: Count


class Customer(Pair):
    """A customer of an agent; ``last_dialog`` is [] where nothing was said."""

    last_dialog: Message | Annotated[Sequence[None], Field(max_length=0)]


class Talk(Data):
    """A customer of the shop, with the last message."""

    member_id: Id
    member_name: str
    headimg: Image
    create_time: str
    add_time: Time
    content_type: ContentType
    content: str
    consumer_say: str
    servicer_say: str
    type: Side
    servicer_id: Id
    online: Flag
    unread: Count
    last_id: Annotated[Id, Field(description="Of the last message.")]
    unassigned: Annotated[int, Field(ge=0, le=1, description="1: no agent has got it yet.")]
    recalled: Flag = 0


class KnownTalk(Talk):
    """The same, and by which kind of page the customer is logged in."""

    login_type: str
    login_type_name: str


class Index(Data):
    """The agent's customers, and those of the shop who wait for an agent."""

    onlineMembers: Sequence[Pair]
    offlineMembers: Page[Pair]
    unassignedMembers: Listed[Talk]


class History(Data):
    """The agent's customers who are not connected."""

    offlineMembers: Page[UnreadPair]


class Talks(Data):
    """Customers of the shop, and how many in all wait for an agent."""

    count: Count
    list: Sequence[KnownTalk]
    unassigned: Count


class MemberList(Data):
    """Customers of the shop."""

    member_list: Talks


class UnreadMember(Data):
    """A customer who has said what nobody has read."""

    member_id: Id
    member_name: str
    headimg: Image
    unread: Count


class UnreadMembers(Data):
    """Customers who have said what nobody has read."""

    unread_member: Listed[UnreadMember]


class SearchedLine(Data):
    """A line of an order."""

    sku_id: Id
    goods_id: Id
    sku_name: str
    sku_image: Image
    price: str
    num: Count


class SearchedMessage(Data):
    """A message with the customer, the agent, the goods and the order. None: there is none."""

    id: Id
    member_id: Id
    servicer_id: Id
    create_day: str
    create_time: str
    content_type: ContentType
    type: Side
    read: Flag
    shop_id: Id
    goods_sku_id: Id
    order_id: int | None
    consumer_say: str
    servicer_say: str
    add_time: Time
    relate_data: str
    content: str
    message: str
    prev_id: Id
    recalled: Flag = 0
    nickname: str
    headimg: Image
    servicer_nickname: str
    avatar: Image
    goods_id: int | None
    sku_name: str | None
    sku_image: Image
    price: str | None
    goods_state: int | None
    stock: int | None
    sale_num: int | None
    order_no: str | None
    goods_money: str | None
    delivery_money: str | None
    order_money: str | None
    order_status_name: str | None
    order_goods_list: Sequence[SearchedLine]


class MemberInfo(Data):
    """A customer, as the shop knows them."""

    member_id: Id
    nickname: str
    headimg: Image
    mobile: str
    member_level_name: str
    balance: str
    balance_money: str
    total_balance: str
    login_type: str
    login_type_name: str


class ReachValue(Data):
    """What was set of how customers reach the agents."""

    value: Reach


class QuickReply(Data):
    """What agents often say."""

    content: str


MaybeServicerId = ServicerId | Nothing
MaybeCustomer = Customer | None

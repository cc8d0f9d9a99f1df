"""Chats, as customers' pages and the console read them (CONTRACT 3, 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from .base import Count, Data, Flag, Id, Image, Nothing, Page, Time

ContentType = Annotated[int, Field(ge=0, le=3, description="0 text, 1 goods, 2 order, 3 image.")]
Side = Annotated[int, Field(ge=0, le=1, description="0: the customer said it, 1: an agent.")]


class Message(Data):
    """A message as it is stored (CONTRACT 2.4)."""

    id: Id
    member_id: Id
    servicer_id: Id
    create_day: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    create_time: Annotated[str, Field(pattern=r"^\d\d:\d\d:\d\d$")]
    content_type: ContentType
    type: Side
    read: Flag
    shop_id: Id
    goods_sku_id: Id
    order_id: Id
    consumer_say: str
    servicer_say: str
    add_time: Time
    relate_data: str
    content: str
    message: Annotated[str, Field(description="The text without tags.")]
    prev_id: Annotated[
        int, Field(ge=0, description="The message before it in the conversation; 0: the first.")
    ]
    recalled: Flag = 0
    automatic: Annotated[Flag, Field(description="1: the shop answered a keyword by itself.")] = 0


class ShownMessage(Message):
    """A message with the agent, the goods, the order and the shop. None: there is none."""

    is_platform: Flag
    nickname: str
    avatar: Image
    goods_name: str | None
    sku_name: str | None
    sku_image: Image
    price: str | None
    order_no: str | None
    goods_money: str | None
    order_money: str | None
    order_status: int | None
    order_status_name: str | None
    shop_name: str
    logo: Image


class Agent(Data):
    """The agent who has a customer."""

    nickname: str
    avatar: Image
    servicer_id: Id


class SiteName(Data):
    """A shop."""

    logo: Image
    site_name: str


class SiteInfo(Data):
    """A shop, in the console's second envelope."""

    data: SiteName


class NestedSiteInfo(SiteInfo):
    """A shop, in a model's envelope inside the customer's."""

    code: Literal[0]
    message: str


class OnlineCount(Data):
    """How many agents of a shop there are who take new customers."""

    online_count: Count


Delivered = Annotated[bool, Field(description="Whether a socket of the other side has it.")]


class Said(Data):
    """What was said is stored; everything but ``read`` only with ``client_msg_id``."""

    read: Flag
    id: Id = 0
    prev_id: Id = 0
    add_time: Time = 0
    delivered: Delivered = False


class Answered(Data):
    """What was answered is stored; only with ``client_msg_id``."""

    id: Id
    prev_id: Id
    add_time: Time
    delivered: Delivered


RecallWindow = Annotated[
    float, Field(ge=0, description="Seconds for which a message may be taken back; 0: never.")
]


class Widget(Data):
    """How a shop's chat looks in its pages."""

    color: Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")]
    title: str
    greeting: str
    offline: Annotated[str, Field(description="Shown while no agent is there.")]
    title_en: Annotated[str, Field(description="For pages in English; empty: the other one.")]
    greeting_en: str
    offline_en: str
    position: Literal["left", "right"]
    offset_x: Annotated[int, Field(ge=0, description="Pixels between launcher and that side.")]
    offset_y: Annotated[int, Field(ge=0, description="Pixels between launcher and bottom.")]


class Config(Data):
    """What a chat page needs before it knows who its customer is."""

    site_id: Id
    site_name: str
    logo: Image
    websocket_url: str
    visitors: Annotated[bool, Field(description="Whether who is not logged in may chat.")]
    online_count: Count
    recall_window: RecallWindow
    widget: Widget


class Keyword(Data):
    """A word that the shop answers to at once."""

    keyword: str


class Keywords(Data):
    """What a customer may tap on."""

    is_open: Flag
    keyword_list: Sequence[Keyword]


class TalkedSite(Data):
    """A shop that the member has talked to."""

    shop_id: Id
    logo: Image
    site_name: str


class Chat(Data):
    """A shop that the member has talked to, with the last message."""

    shop_id: Id
    servicer_id: Id
    create_time: str
    servicer_say: str
    consumer_say: str
    type: Side
    content: str
    content_type: ContentType
    add_time: Time
    unread: Count
    shop_name: str
    logo: Image
    avatar: Image
    online: Flag


class Visitor(Data):
    """Somebody who is not logged in."""

    member_id: Id
    token: str


class Shop(Data):
    """A shop, as its own pages read it."""

    site_id: Id
    site_name: str
    logo: Image
    avatar: Image


class SingleShop(Shop):
    """The same for the pages of a single shop."""

    logo_square: Image


class Member(Data):
    """Who the token says that the customer is."""

    member_id: Id
    nickname: str
    headimg: Image
    username: str
    mobile: str


class Reach(Data):
    """How customers reach the agents."""

    type: Literal["disable", "system", "third"]
    applet: str
    third: Annotated[str, Field(description="URL, of type third.")]
    socket_url: str


class ReachKind(Data):
    """The same for one kind of pages of a single shop."""

    type: Literal["none", "niushop", "third"]
    third_url: str


class ReachEach(Reach):
    """For all kinds of pages at once, and for each."""

    h5: ReachKind
    weapp: ReachKind
    pc: ReachKind
    app: ReachKind


MaybeAnswered = Answered | Nothing
Messages = Page[ShownMessage]

"""From what a client sends to what may be stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from .envelope import PARAMETER_ERROR, Refused
from .html import MAX_LENGTH, Sanitizer
from .shop.interface import Shop
from .store.dialogues import Content, ContentType

MAX_RELATE_DATA = 3000
MAX_RELATE_DEPTH = 100
MAX_CLIENT_MSG_ID = 64
MAX_PATH = 500


class Said(NamedTuple):
    """A message as a client sends it.

    Args:
        content_type: number of a ``ContentType``.
        message: HTML, plain text or path.
        format: ``text`` for plain text.
        sku_id: of goods.
        order_id: of an order.
        relate_data: JSON text.
    """

    content_type: int
    message: str
    format: str = ""
    sku_id: int = 0
    order_id: int = 0
    relate_data: str = ""


class Checker:
    """Checks messages.

    Args:
        sanitizer: for texts and images.
        shop: for goods and orders.
    """

    def __init__(self, sanitizer: Sanitizer, shop: Shop) -> None:
        self._sanitizer = sanitizer
        self._shop = shop

    async def check(
        self, said: Said, site_id: int, member_id: int, empty: Callable[[], Refused]
    ) -> Content:
        """The part of a message that may be stored.

        Args:
            said: as it came.
            site_id: goods and orders of other sites are refused.
            member_id: orders of other members are refused.
            empty: makes what is raised where nothing is left.

        Raises:
            Refused: it cannot be stored.
        """
        relate_data = to_relate_data(said.relate_data)
        match said.content_type:
            case ContentType.TEXT:
                return self._text(said, relate_data, empty)
            case ContentType.IMAGE:
                path = self._sanitizer.image(said.message[:MAX_PATH])
                if not path:
                    raise empty() if not said.message.strip() else Refused("图片地址不正确")
                return Content(ContentType.IMAGE, path, relate_data=relate_data)
            case ContentType.GOODS:
                sku = (await self._shop.skus([said.sku_id])).get(said.sku_id)
                if said.sku_id == 0:
                    raise empty()
                if sku is None or sku.site_id != site_id:
                    raise Refused("商品不存在")
                return Content(ContentType.GOODS, sku_id=said.sku_id, relate_data=relate_data)
            case ContentType.ORDER:
                order = (await self._shop.orders([said.order_id])).get(said.order_id)
                if said.order_id == 0:
                    raise empty()
                if order is None or (order.site_id, order.member_id) != (site_id, member_id):
                    raise Refused("订单不存在")
                return Content(ContentType.ORDER, order_id=said.order_id, relate_data=relate_data)
        raise Refused("参数错误", PARAMETER_ERROR)

    def reply(self, html: str) -> Content:
        """An automatic reply, as a back office wrote it, as a text. May run in any thread."""
        fragment = self._sanitizer.fragment(f"<p>{html}</p>")
        return Content(ContentType.TEXT, fragment, self._sanitizer.text(fragment))

    def _text(self, said: Said, relate_data: str, empty: Callable[[], Refused]) -> Content:
        if len(said.message) > 4 * MAX_LENGTH:
            raise Refused("消息内容过长")
        clean = self._sanitizer.escaped if said.format == "text" else self._sanitizer.fragment
        fragment = clean(said.message)
        if not fragment:
            raise empty()
        if len(fragment) > MAX_LENGTH:
            raise Refused("消息内容过长")
        text = self._sanitizer.text(fragment)
        return Content(ContentType.TEXT, fragment, text, relate_data=relate_data)


def check_client_msg_id(own_id: str) -> str:
    """A sender's own id of a message, "" for none.

    Raises:
        Refused: it is too long.
    """
    if len(own_id) > MAX_CLIENT_MSG_ID:
        raise Refused("参数错误", PARAMETER_ERROR)
    return own_id


def to_relate_data(text: str) -> str:
    """JSON objects are kept as they are, everything else is dropped."""
    return text if text and read_relate_data(text) is not None else ""


def read_relate_data(text: str) -> dict[str, Any] | None:
    """The object that a text is the JSON of; None where it is none, or one that could not be sent
    on: not every parser takes NaN, no encoding half of a character, and nobody nests so deep."""
    if len(text) > MAX_RELATE_DATA or text.count("{") + text.count("[") > MAX_RELATE_DEPTH:
        return None
    try:
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None

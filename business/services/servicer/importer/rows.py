"""What a row of a NiuShop becomes, or why it is left out. Pure: no database, no clock."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..content import to_relate_data
from ..html import MAX_LENGTH, Sanitizer
from ..params import MAX_NUMBER, to_text
from ..passwords import mark_old
from ..store.dialogues import Content, ContentType, Side
from ..store.replies import MAX_KEYWORD
from ..tokens import FIRST_VISITOR

Row = Mapping[str, Any]

MAX_USERNAME = 64
MAX_NICKNAME = 50
MAX_REPLY = 4000
MAX_SHORT = 255

_PICTURE = re.compile(r"(?:https?://)?[\w./%@:?&=~+-]+", re.ASCII)


class Bad(Exception):
    """A row that is left out: why, in a few words."""


class Person(NamedTuple):
    """An agent.

    Args:
        old_id: ``uid`` in the source.
        site_id: the shop.
        username: "" for who has no account any more.
        password: as it is stored, "" where nobody can log in with it.
    """

    old_id: int
    site_id: int
    username: str
    password: str
    nickname: str
    avatar: str
    group: int
    is_enabled: bool
    is_platform: bool
    create_time: int
    delete_time: int


class Message(NamedTuple):
    """A message.

    Args:
        id: in the source.
        servicer: ``uid`` of the agent in the source; 0: none.
        values: of the columns that do not depend on others' rows.
    """

    id: int
    servicer: int
    values: dict[str, Any]

    @property
    def key(self) -> tuple[int, int]:
        """Its conversation: (member, shop)."""
        return self.values["member_id"], self.values["shop_id"]

    @property
    def size(self) -> int:
        """Characters that are stored of it, about."""
        return 3 * len(self.values["content"]) + len(self.values["relate_data"])


def number(row: Row, name: str) -> int:
    """A number that fits into our columns; nothing is 0.

    Raises:
        Bad: it is none.
    """
    value = row.get(name)
    try:
        found = int(value or 0)
    except (TypeError, ValueError):
        raise Bad(f"{name} is no number") from None
    if not 0 <= found <= MAX_NUMBER:
        raise Bad(f"{name} out of range")
    return found


def seconds(row: Row, name: str) -> int:
    """A Unix time, 0 for none and for what cannot be one."""
    try:
        return number(row, name)
    except Bad:
        return 0


def text(row: Row, name: str, most: int) -> str:
    """A text of one line, at most ``most`` characters of it."""
    return to_text(row.get(name)).strip()[:most]


def picture(row: Row, name: str, most: int) -> str:
    """Path or address of a picture, "" for anything else."""
    found = text(row, name, most + 1)
    return found if len(found) <= most and _PICTURE.fullmatch(found) else ""


def member_id(row: Row) -> int:
    """The member of a row.

    Raises:
        Bad: there is none.
    """
    found = number(row, "member_id")
    if not 0 < found < FIRST_VISITOR:
        raise Bad("no member")
    return found


class Reader:
    """Reads rows.

    Args:
        zone: of dates and times.
        default_site: in place of shop 0, the platform's own.
        sanitizer: as for new messages.
    """

    def __init__(self, zone: datetime.tzinfo, default_site: int, sanitizer: Sanitizer) -> None:
        self._zone = zone
        self.default_site = default_site
        self._sanitizer = sanitizer

    def site(self, row: Row, name: str = "shop_id") -> int:
        """The shop of a row."""
        return number(row, name) or self.default_site

    def person(self, user: Row, agent: Row | None) -> Person:
        """Who logs in, from a row of ``user`` and that of ``servicer``, if any.

        Raises:
            Bad: nobody can log in by that name.
        """
        username = to_text(user.get("username")).strip()
        if not 0 < len(username) <= MAX_USERNAME:
            raise Bad("no user name")
        shown = agent or {}
        site = "shop_id" if agent else "site_id"
        return Person(
            old_id=_uid(user, "uid"),
            site_id=self.site(shown or user, site),
            username=username,
            password=mark_old(to_text(user.get("password")).strip()),
            nickname=text(shown, "nickname", MAX_NICKNAME) or username[:MAX_NICKNAME],
            avatar=picture(shown, "avatar", 500),
            group=seconds(user, "group_id"),
            is_enabled=user.get("status", 1) in (1, "1"),
            is_platform=number(shown or user, site) == 0,
            create_time=seconds(shown, "create_time") or seconds(user, "create_time"),
            delete_time=seconds(shown, "delete_time"),
        )

    def former(self, agent: Row) -> Person:
        """Who has no account any more, from a row of ``servicer``: a name for old messages.

        Raises:
            Bad: the row belongs to nobody.
        """
        return Person(
            old_id=_uid(agent, "user_id"),
            site_id=self.site(agent),
            username="",
            password="",
            nickname=text(agent, "nickname", MAX_NICKNAME),
            avatar=picture(agent, "avatar", 500),
            group=0,
            is_enabled=False,
            is_platform=number(agent, "shop_id") == 0,
            create_time=seconds(agent, "create_time"),
            delete_time=seconds(agent, "delete_time"),
        )

    def keyword(self, row: Row) -> dict[str, Any]:
        """A keyword reply.

        Raises:
            Bad: it answers nothing, or with nothing.
        """
        keyword, content = (to_text(row.get(name)).strip() for name in ("keyword", "content"))
        if not 0 < len(keyword) <= MAX_KEYWORD:
            raise Bad("no keyword")
        if not 0 < len(content) <= MAX_REPLY:
            raise Bad("empty or too long")
        if number(row, "content_type") != ContentType.TEXT:
            raise Bad("not a text")
        return {
            "site_id": self.site(row, "site_id"),
            "keyword": keyword,
            "content_type": int(ContentType.TEXT),
            "content": content,
            "is_use": int(row.get("is_use", 1) in (1, "1")),
            "create_time": seconds(row, "create_time"),
        }

    def quick(self, row: Row) -> dict[str, Any]:
        """A quick reply.

        Raises:
            Bad: it says nothing.
        """
        content = to_text(row.get("content")).strip()
        if not 0 < len(content) <= MAX_SHORT:
            raise Bad("empty or too long")
        return {
            "site_id": self.site(row, "site_id"),
            "content": content,
            "create_time": seconds(row, "create_time"),
        }

    def group(self, row: Row) -> dict[str, Any]:
        """A group of agents.

        Raises:
            Bad: it has no name.
        """
        name = text(row, "group_name", MAX_NICKNAME)
        if not name:
            raise Bad("no name")
        return {
            "site_id": self.site(row, "site_id"),
            "group_name": name,
            "desc": text(row, "desc", MAX_SHORT),
            "create_time": seconds(row, "create_time"),
        }

    def message(self, row: Row) -> Message:
        """A message.

        Raises:
            Bad: it is of nobody, of no time, or nothing is left of it.
        """
        values: dict[str, Any] = {"member_id": member_id(row), "shop_id": self.site(row)}
        day, time, added = self._moment(row)
        values |= {"create_day": day, "create_time": time, "add_time": added}
        agents, customers = (to_text(row.get(n)) for n in ("servicer_say", "consumer_say"))
        if row.get("type") is None:
            side = Side.AGENT if agents else Side.CUSTOMER
        elif (code := number(row, "type")) in tuple(Side):
            side = Side(code)
        else:
            raise Bad("said by neither side")
        content = self._content(row, agents if side is Side.AGENT else customers)
        values |= {
            "content_type": int(content.type),
            "read": int(row.get("read") in (1, "1")),
            "goods_sku_id": content.sku_id,
            "order_id": content.order_id,
            "consumer_say": content.say if side is Side.CUSTOMER else "",
            "servicer_say": content.say if side is Side.AGENT else "",
            "type": int(side),
            "relate_data": content.relate_data,
            "content": content.say,
            "message": content.text,
            "recalled": 0,
        }
        return Message(_key(row), seconds(row, "servicer_id"), values)

    def _content(self, row: Row, say: str) -> Content:
        relate_data = to_relate_data(to_text(row.get("relate_data")))
        kind = number(row, "content_type")
        match kind:
            case ContentType.TEXT:
                fragment = self._sanitizer.fragment(say)
                if not fragment:
                    raise Bad("empty")
                if len(fragment) > MAX_LENGTH:
                    raise Bad("too long")
                return Content(
                    ContentType.TEXT,
                    fragment,
                    self._sanitizer.text(fragment),
                    relate_data=relate_data,
                )
            case ContentType.IMAGE:
                path = self._sanitizer.image(say)
                if not path:
                    raise Bad("picture that may not be shown")
                return Content(ContentType.IMAGE, path, relate_data=relate_data)
            case ContentType.GOODS if sku_id := number(row, "goods_sku_id"):
                return Content(ContentType.GOODS, sku_id=sku_id, relate_data=relate_data)
            case ContentType.ORDER if order_id := number(row, "order_id"):
                return Content(ContentType.ORDER, order_id=order_id, relate_data=relate_data)
            case ContentType.GOODS | ContentType.ORDER:
                raise Bad("empty")
        raise Bad("unknown content_type")

    def _moment(self, row: Row) -> tuple[datetime.date, datetime.time, int]:
        """Local day and time, and the Unix time; each from the other where one is missing."""
        added = seconds(row, "add_time")
        try:
            day = datetime.date.fromisoformat(to_text(row.get("create_day"))[:10])
            time = datetime.time.fromisoformat(to_text(row.get("create_time"))[:8])
        except ValueError:
            if not added:
                raise Bad("no date") from None
            local = datetime.datetime.fromtimestamp(added, self._zone)
            return local.date(), local.time(), added
        if not added:
            added = int(datetime.datetime.combine(day, time, self._zone).timestamp())
            if not 0 < added <= MAX_NUMBER:
                raise Bad("no date")
        return day, time, added


def _uid(row: Row, name: str) -> int:
    found = number(row, name)
    if not found:
        raise Bad("no uid")
    return found


def _key(row: Row) -> int:
    return int(row["id"])

"""What the back offices read (CONTRACT 5)."""

from __future__ import annotations

from .base import Data, Flag, Id, Image, Time


class Account(Data):
    """An agent of the shop."""

    uid: Id
    username: str
    shop_id: Id
    status: Flag
    group_id: Id
    group_name: str
    create_time: Time
    nickname: str
    avatar: Image
    online: Flag
    last_online_time: Time


class Group(Data):
    """A group of agents."""

    group_id: Id
    site_id: Id
    group_name: str
    desc: str
    create_time: Time


class KeywordReply(Data):
    """What a keyword is answered with."""

    id: Id
    site_id: Id
    keyword: str
    content_type: int
    content: str
    is_use: Flag
    create_time: Time


class FastReply(Data):
    """What the shop's agents often say."""

    id: Id
    site_id: Id
    content: str
    create_time: Time


class MadeAgent(Data):
    """A new agent."""

    uid: Id


class MadeGroup(Data):
    """A new group."""

    group_id: Id


class MadeRow(Data):
    """A new row."""

    id: Id


class PlatformSettings(Data):
    """What the platform has set."""

    web_socket: str


class PlatformConfig(Data):
    """What the platform has set."""

    value: PlatformSettings

"""What the back offices read of all that was said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from .base import Data, Id, Image
from .chat import ShownMessage


class FoundMessage(ShownMessage):
    """A message with everything that belongs to it, and the customer."""

    member_name: str
    headimg: Image


class Found(Data):
    """What a search found, the newest first."""

    list: Sequence[FoundMessage]
    next: Annotated[str, Field(description="For `before` of the next page; empty: that was all.")]
    is_cut: Annotated[bool, Field(description="Whether it was ended for taking too long.")]
    searched_to: Annotated[
        int, Field(ge=0, description="Unix time up to which was searched; 0: the beginning.")
    ]
    too_many_members: Annotated[
        bool, Field(description="Whether only the latest 200 customers of that name count.")
    ]


class Conversation(Data):
    """A part of a conversation, oldest first."""

    list: Sequence[FoundMessage]
    has_earlier: bool
    has_later: bool


class ChosenAgent(Data):
    """Somebody who talks, or has talked, to the shop's customers."""

    servicer_id: Id
    nickname: str


class ChosenSite(Data):
    """A shop."""

    site_id: Id
    site_name: str


class Choices(Data):
    """What a search may be narrowed to."""

    site_id: Id
    agents: Sequence[ChosenAgent]
    sites: Annotated[Sequence[ChosenSite], Field(description="For the platform only.")]

"""What the models of all answers have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field


class Data(BaseModel):
    """Base of the models. They are never filled: only their schemas are read, once."""

    model_config = ConfigDict(defer_build=True)


T = TypeVar("T")

Nothing = Literal[""]
"""Of endpoints that have nothing to tell but that it is done."""

Flag = Annotated[int, Field(ge=0, le=1)]
"""1: yes."""

Count = Annotated[int, Field(ge=0)]
Id = Annotated[int, Field(ge=0)]
"""0: none."""

Time = Annotated[int, Field(ge=0, description="Unix time, seconds.")]
Money = Annotated[str, Field(description="With two decimals.", examples=["9.90"])]
Image = Annotated[str, Field(description="Path on this site, or URL; empty: none.")]


class Page(Data, Generic[T]):
    """A page of a list. Past the last page the list is empty."""

    page_count: Count
    count: Annotated[int, Field(ge=0, description="Rows on all pages.")]
    list: Sequence[T]


class Listed(Data, Generic[T]):
    """A list that is not paged through."""

    count: Count
    list: Sequence[T]


class Pictured(Data):
    """A picture that was stored."""

    pic_path: Annotated[str, Field(description="To be said in a message of content_type 3.")]

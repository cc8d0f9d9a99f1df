"""How an endpoint is declared.

Everything that can be said about an endpoint without running it stands in its row, so that
routing, checking and documentation come from one place.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web

from ..envelope import Family
from ..params import Params

if TYPE_CHECKING:
    from ..service import Servicer
    from ..sessions import Visitor


class Caller(enum.Enum):
    """Who may call an endpoint."""

    CUSTOMER = "customer"
    """Who has a token."""
    AGENT = "agent"
    """Who is logged in; others are sent to the login page."""
    SHOP = "shop"
    """Who is logged in to the back office of a shop."""
    PLATFORM = "platform"
    """Who is logged in to the back office of the platform."""
    ANYBODY = "anybody"


@dataclasses.dataclass(slots=True)
class Call:
    """One request, as a handler gets it.

    Attributes:
        servicer: the running service.
        request: for what is not in the parameters.
        received: Unix time at which the request came.
        member_id: of a customer, else 0.
        visitor: account and login, of an agent or a back office.
        upload: the file that came, of endpoints that take one.
        refresh: a customer's next token, where the one that came ends soon.
    """

    servicer: Servicer
    request: web.Request
    received: float
    member_id: int = 0
    visitor: Visitor | None = None
    upload: bytes | None = None
    refresh: str | None = None

    @property
    def address(self) -> str:
        """Of the client."""
        return self.servicer.web.address(self.request)

    @property
    def by(self) -> Visitor:
        """Who calls; of endpoints for agents and back offices only."""
        assert self.visitor is not None, "not an endpoint for a login"  # noqa: S101
        return self.visitor


P = TypeVar("P", bound=Params)
Handler = Callable[[Call, Any], Awaitable[Any]]


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint:
    """One row.

    Args:
        path: ``module/controller/action``, in lower case.
        params: model of the parameters.
        data: type of the data of a success, for the description (``answers/``).
        caller: who may call it.
        family: shape of the answer.
        changes: whether it changes something; with a cookie it then needs a script of our own.
        handler: returns the data of a success, a ``Reply``, or a whole response.
        takes_file: whether a file is uploaded to it, in the multipart field ``file``.
        spelling: the path as it is written in documents.
        files: content types of the file that a success is, for ``data`` bytes; empty: an envelope.
    """

    path: str
    params: type[Params]
    data: Any
    caller: Caller
    family: Family
    changes: bool
    handler: Handler
    takes_file: bool
    spelling: str
    files: tuple[str, ...] = ()


class Declarations:
    """Collects the endpoints of one module.

    Args:
        module: first part of their paths.
        caller: who may call them.
        family: shape of their answers, where they do not say otherwise.
    """

    def __init__(self, module: str, caller: Caller, family: Family) -> None:
        self._module = module
        self._caller = caller
        self._family = family
        self._rows: list[Endpoint] = []

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._rows)

    def add(
        self,
        path: str,
        params: type[P],
        data: Any,
        *,
        changes: bool = False,
        family: Family | None = None,
        takes_file: bool = False,
        files: Iterable[str] = (),
    ) -> Callable[[Callable[[Call, P], Awaitable[Any]]], Callable[[Call, P], Awaitable[Any]]]:
        """Declare the decorated function as the endpoint ``path`` (``controller/action``).

        Args:
            path: the rest of its path.
            params: model of the parameters.
            data: type of what a success has as its data, one of ``answers/``.
            changes: see ``Endpoint``, likewise of the others.
            family: where it is not that of the module.
            takes_file: whether a file comes with it.
            files: content types of the file that is the answer.
        """

        def declare(
            handler: Callable[[Call, P], Awaitable[Any]],
        ) -> Callable[[Call, P], Awaitable[Any]]:
            row = Endpoint(
                f"{self._module}/{path}".lower(),
                params,
                data,
                self._caller,
                family or self._family,
                changes,
                handler,
                takes_file,
                f"{self._module}/{path}",
                tuple(files),
            )
            self._rows.append(row)
            return handler

        return declare


class Table:
    """All endpoints by path.

    Args:
        rows: no path twice.
    """

    def __init__(self, rows: Iterable[Endpoint]) -> None:
        self._rows: dict[str, Endpoint] = {}
        for row in rows:
            if row.path in self._rows:
                raise ValueError(f"endpoint {row.path} is declared twice")
            self._rows[row.path] = row

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._rows.values())

    def find(self, path: str) -> Endpoint | None:
        """The endpoint of a path as clients write it: any case, with or without ``.html``."""
        return self._rows.get(path.strip("/").lower().removesuffix(".html"))

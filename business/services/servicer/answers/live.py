"""What the platform's live view reads: the same as ``status`` and ``connections`` show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from .base import Count, Data, Time

Addresses = Annotated[Sequence[str], Field(description="host:port of gateways.")]
Missing = Annotated[Addresses, Field(description="Gateways that did not answer in time.")]
Unknown = Annotated[
    Addresses, Field(description="Gateways whose version does not know the question.")
]
Number = Annotated[float, Field(ge=0)]


class GatewayRow(Data):
    """A gateway process. Counts are since its start."""

    name: str
    address: str
    host: str
    pid: Count
    version: str
    uptime: Annotated[float, Field(ge=0, description="Seconds.")]
    memory: Annotated[int, Field(ge=0, description="Bytes.")]
    cpu: Annotated[float, Field(ge=0, description="Seconds of processor time.")]
    register_state: Literal["up", "down"]
    clients: Annotated[int, Field(ge=0, description="Open sockets.")]
    uids: Count
    groups: Count
    paused: Annotated[int, Field(ge=0, description="Sockets that are not read at present.")]
    accepted: Count
    messages_in: Count
    messages_out: Count
    in_per_s: Number
    out_per_s: Number
    bytes_out: Count
    queued_events: Count
    unacknowledged_events: Count
    slow_closed: Count
    errors: Count


class WorkerRow(Data):
    """A business process, or another program that is linked to gateways; sums over them."""

    name: str
    kind: Literal["worker", "client"]
    host: Annotated[str, Field(description="Empty: it does not tell.")]
    pid: Annotated[int, Field(ge=0, description="0: it does not tell.")]
    version: Annotated[str, Field(description="Empty: it does not tell.")]
    services: Sequence[str]
    gateways: Annotated[int, Field(ge=0, description="Those it is linked to.")]
    clients: Annotated[int, Field(ge=0, description="Sockets that it serves.")]
    unacknowledged: Annotated[int, Field(ge=0, description="Events that it works on.")]
    backlog: Annotated[int, Field(ge=0, description="Events that wait for it.")]


class ServiceRow(Data):
    """A service."""

    service: str
    clients: Annotated[int, Field(ge=0, description="Open sockets.")]
    workers: Annotated[int, Field(ge=0, description="Business processes that serve it.")]


class Status(Data):
    """All that answered."""

    time: Time
    gateways: Sequence[GatewayRow]
    workers: Sequence[WorkerRow]
    services: Sequence[ServiceRow]
    missing: Missing
    unknown: Unknown


class ConnectionRow(Data):
    """An open socket."""

    client_id: str
    service: str
    uid: Annotated[str, Field(description="Empty: not bound.")]
    address: str
    groups: Sequence[str]
    connected: Annotated[float, Field(ge=0, description="Seconds since it was opened.")]
    idle: Annotated[float, Field(ge=0, description="Seconds without a sign of life, roughly.")]
    send_buffer: Annotated[int, Field(ge=0, description="Bytes that wait for it.")]
    worker: Annotated[str, Field(description="Who serves it; empty: nobody at present.")]


class Connections(Data):
    """A page of the open sockets, by client id."""

    count: Annotated[int, Field(ge=0, description="Of all pages, on those that answered.")]
    list: Sequence[ConnectionRow]
    next: Annotated[str, Field(description="For `after` of the next page; empty: that was all.")]
    missing: Missing
    unknown: Unknown

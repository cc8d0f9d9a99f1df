"""The HTTP endpoints of the contract: one table, and the handlers by who may call them."""

from __future__ import annotations

from . import (
    agent,
    back_office,
    catalogue,
    console,
    customer,
    history,
    live,
    login,
    office,
    older_office,
    statistics,
    storefront,
    upload,
    visitor,
    widget,
)
from .table import Endpoint, Table

__all__ = ["TABLE", "Endpoint"]

TABLE = Table(
    [
        *customer.endpoints,
        *customer.public,
        *agent.endpoints,
        *console.endpoints,
        *catalogue.endpoints,
        *login.endpoints,
        *upload.endpoints,
        *office.endpoints,
        *older_office.endpoints,
        *back_office.endpoints,
        *history.endpoints,
        *widget.endpoints,
        *statistics.endpoints,
        *live.endpoints,
        *visitor.endpoints,
        *storefront.endpoints,
    ]
)
"""All endpoints."""

#!/usr/bin/env python3
"""A shop's back end for kefu, at its smallest: the requests of docs/shop.md.

    SHOP_KEY=... python examples/shop.py 8000

kefu then runs with ``shop.url = "http://127.0.0.1:8000/kefu"``, the same key as ``shop.key``, and
``servicer.token_url = "http://127.0.0.1:8000/kefu/token"``. What a shop asks its database for is
here read from ``shop.json``. Python and nothing else.
"""

from __future__ import annotations

import hmac
import json
import os
import re
import sys
import urllib.parse
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

BASE = "/kefu"
KEY = os.environ["SHOP_KEY"]
DATA = json.loads((Path(__file__).parent / "shop.json").read_text(encoding="utf-8"))
SKUS = {sku["sku_id"]: sku for sku in DATA["skus"]}

Query = dict[str, str]


def site(query: Query, site_id: str) -> Any:
    """One site; None: there is none."""
    return next((one for one in DATA["sites"] if one["site_id"] == int(site_id)), None)


def some(kind: str, name: str) -> Callable[[Query], Any]:
    """Those of the ids asked for that exist."""

    def answer(query: Query) -> Any:
        ids = {int(part) for part in query["ids"].split(",")}
        return {"list": [one for one in DATA[kind] if one[name] in ids]}

    return answer


def goods(query: Query, site_id: str) -> Any:
    """A page of the goods of a site, the latest first."""
    found = [
        one
        for one in DATA["goods"]
        if one["site_id"] == int(site_id)
        and holds(one["goods_name"], query.get("search_text", ""))
        and query.get("goods_state") in (None, str(one["goods_state"]))
        and query.get("goods_class") in (None, str(one["goods_class"]))
    ]
    return page(found, query)


def browsed(query: Query, site_id: str, member_id: str) -> Any:
    """A page of what a member has looked at, the latest first."""
    seen = [one for one in DATA["browsed"] if one["member_id"] == int(member_id)]
    seen.sort(key=lambda one: -one["browse_time"])
    rows = ({**SKUS[one["sku_id"]], "browse_time": one["browse_time"]} for one in seen)
    return page(of_site(rows, site_id, query), query)


def bought(query: Query, site_id: str, member_id: str) -> Any:
    """A page of what a member has paid for, the latest first, each sku once."""
    counts: dict[int, int] = {}
    for order in orders_of(site_id, member_id):
        for line in order["order_goods"] if order["order_status"] > 0 else ():
            counts[line["sku_id"]] = counts.get(line["sku_id"], 0) + line["num"]
    rows = ({**SKUS[sku_id], "num": num} for sku_id, num in counts.items())
    return page(of_site(rows, site_id, query), query)


def orders(query: Query, site_id: str, member_id: str) -> Any:
    """A page of a member's orders, the latest first."""
    found = [
        order
        for order in orders_of(site_id, member_id)
        if query.get("order_status") in (None, str(order["order_status"]))
        and holds(order["order_no"], query.get("order_no", ""))
        and ("refunding" not in query or any(o["refund_status_name"] for o in order["order_goods"]))
        and any(holds(o["sku_name"], query.get("order_name", "")) for o in order["order_goods"])
    ]
    return page(found, query)


def orders_of(site_id: str, member_id: str) -> list[Any]:
    """All of them."""
    whose = (int(site_id), int(member_id))
    mine = (order for order in DATA["orders"] if (order["site_id"], order["member_id"]) == whose)
    return sorted(mine, key=lambda order: -int(order["create_time"]))


def of_site(skus: Iterable[Any], site_id: str, query: Query) -> list[Any]:
    """Skus of a site, by part of the name."""
    text = query.get("search_text", "")
    return [one for one in skus if one["site_id"] == int(site_id) and holds(one["sku_name"], text)]


def holds(name: str, text: str) -> bool:
    """Whether a text is part of a name."""
    return text.lower() in name.lower()


def page(rows: list[Any], query: Query) -> Any:
    """The page that is asked for, and how many rows there are."""
    size = int(query["page_size"])
    start = (int(query["page"]) - 1) * size
    return {"count": len(rows), "list": rows[start : start + size]}


ROUTES: list[tuple[str, Callable[..., Any]]] = [
    (r"/sites/(\d+)", site),
    (r"/members", some("members", "member_id")),
    (r"/skus", some("skus", "sku_id")),
    (r"/orders", some("orders", "order_id")),
    (r"/sites/(\d+)/goods", goods),
    (r"/sites/(\d+)/members/(\d+)/browsed", browsed),
    (r"/sites/(\d+)/members/(\d+)/bought", bought),
    (r"/sites/(\d+)/members/(\d+)/orders", orders),
]


def token(form: Query) -> Any:
    """Whose a token is: what ``servicer.token_url`` asks."""
    member_id = DATA["tokens"].get(form.get("token", ""))
    found = [one for one in DATA["members"] if one["member_id"] == member_id]
    if not found:
        return {"code": -10009, "message": "token is not good", "data": ""}
    names = {name: found[0][name] for name in ("member_id", "nickname", "headimg")}
    return {"code": 0, "message": "", "data": names}


class Handler(BaseHTTPRequestHandler):
    """Answers in JSON."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The shop's data, for who has the key."""
        path, _, text = self.path.partition("?")
        query = dict(urllib.parse.parse_qsl(text))
        if not hmac.compare_digest(self.headers.get("Authorization", ""), f"Bearer {KEY}"):
            self.answer(401, {"message": "the key is not good"})
            return
        for pattern, handler in ROUTES:
            if found := re.fullmatch(re.escape(BASE) + pattern, path):
                value = handler(query, *found.groups())
                self.answer(404 if value is None else 200, value)
                return
        self.answer(404, {"message": "no such path"})

    def do_POST(self) -> None:
        """A token is checked."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.path != f"{BASE}/token":
            self.answer(404, {"message": "no such path"})
            return
        self.answer(200, token(dict(urllib.parse.parse_qsl(body))))

    def answer(self, status: int, value: Any) -> None:
        """Send a value."""
        body = json.dumps(value, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

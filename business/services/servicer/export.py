"""Messages as files, for spreadsheets and for programs. docs/back-office.md has the columns."""

from __future__ import annotations

import csv
import datetime
import html
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .store.dialogues import ContentType, Row

FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
"""Kinds of files, by the ends of their names."""

COLUMNS = {
    "id": "消息编号",
    "time": "时间",
    "customer_id": "顾客编号",
    "customer_name": "顾客",
    "from": "发送方",
    "agent_id": "客服编号",
    "agent_name": "客服",
    "type": "类型",
    "text": "内容",
    "image": "图片",
    "goods_sku_id": "商品规格编号",
    "order_id": "订单编号",
    "read": "已读",
    "recalled": "已撤回",
}
"""Of both kinds, in this order, with the Chinese words of a table's first line."""

_SIDES = {0: "customer", 1: "agent"}
_TYPES = {
    ContentType.TEXT: "text",
    ContentType.GOODS: "goods",
    ContentType.ORDER: "order",
    ContentType.IMAGE: "image",
}
_WORDS = {
    "customer": "顾客", "agent": "客服", "shop": "自动回复", "text": "文字", "goods": "商品",
    "order": "订单", "image": "图片",
}  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings by which spreadsheet programs know what they shall compute, or run."""


class Writer:
    """Writes a file, line by line.

    Args:
        kind: one of ``FORMATS``.
        language: of a table's first line and its words, ``zh-CN``; all others are English.
        zone: of the times.
    """

    def __init__(self, kind: str, language: str, zone: datetime.tzinfo) -> None:
        self._is_table = kind == "csv"
        self._is_chinese = language == "zh-CN"
        self._zone = zone

    def beginning(self) -> bytes:
        """What stands before the first message."""
        if not self._is_table:
            return b""
        # Without the mark, spreadsheet programs take it for the local 8-bit character set.
        return b"\xef\xbb\xbf" + _table([COLUMNS.values() if self._is_chinese else COLUMNS])

    def lines(
        self, rows: Sequence[Row], members: Mapping[int, str], agents: Mapping[int, str]
    ) -> bytes:
        """Messages.

        Args:
            rows: of the store.
            members: names of the customers.
            agents: names of the agents.
        """
        values = [self._values(row, members, agents) for row in rows]
        if self._is_table:
            return _table([self._cell(value) for value in line.values()] for line in values)
        return "".join(
            json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in values
        ).encode()

    def _values(
        self, row: Row, members: Mapping[int, str], agents: Mapping[int, str]
    ) -> dict[str, Any]:
        kind = ContentType(row["content_type"])
        time = datetime.datetime.fromtimestamp(row["add_time"], self._zone)
        is_text = kind is ContentType.TEXT
        side = "shop" if row["automatic"] else _SIDES[row["type"]]
        agent_id = 0 if row["automatic"] else row["servicer_id"]
        values = {
            "id": row["id"],
            "time": time.strftime("%Y-%m-%d %H:%M:%S") if self._is_table else time.isoformat(),
            "customer_id": row["member_id"],
            "customer_name": members.get(row["member_id"], ""),
            "from": side,
            "agent_id": agent_id or None,
            "agent_name": agents.get(agent_id, "") or None,
            "type": _TYPES[kind],
            "text": html.unescape(row["message"]) if is_text else "",
            "image": row["content"] if kind is ContentType.IMAGE else None,
            "goods_sku_id": row["goods_sku_id"] or None,
            "order_id": row["order_id"] or None,
            "read": bool(row["read"]),
            "recalled": bool(row["recalled"]),
        }
        if self._is_table and self._is_chinese:
            values |= {name: _WORDS[values[name]] for name in ("from", "type")}
        return values

    def _cell(self, value: Any) -> Any:
        if isinstance(value, bool):
            return int(value)
        if isinstance(value, str) and value.startswith(_FORMULA):
            return "'" + value
        return value


def _table(lines: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()

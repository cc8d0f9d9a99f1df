"""The way of an import: agents first, then who talked to whom, then what was said."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection

from ..store.database import Database
from ..store.pairs import Card
from . import messages as said
from . import people
from .messages import Batch
from .names import Names
from .rows import Bad, Message, Person, Reader, member_id, number, picture, seconds, text
from .source import AGENTS_MODULE, Row, Source
from .tally import Tally

T = TypeVar("T")

MAX_TEXT = 1024 * 1024
"""Characters that are stored in one transaction: others wait for what it has locked."""

_SERVICER = ("user_id", "shop_id", "nickname", "avatar", "create_time", "delete_time")
_USER = ("username", "password", "site_id", "group_id", "status", "create_time")
_MEMBER = (
    "member_id",
    "servicer_id",
    "member_name",
    "headimg",
    "create_time",
    "last_online_time",
    "delete_time",
)
_DIALOGUE = (
    "member_id",
    "servicer_id",
    "create_day",
    "create_time",
    "content_type",
    "read",
    "shop_id",
    "goods_sku_id",
    "order_id",
    "consumer_say",
    "servicer_say",
    "type",
    "add_time",
    "relate_data",
)

AGENTS, GROUPS, KEYWORDS = "agents", "groups", "keyword replies"
QUICK, PAIRS, MESSAGES = "quick replies", "customers of agents", "messages"


class Import:
    """One run.

    Args:
        source: open.
        database: open.
        reader: judges rows.
        names: of members.
        tally: counts.
        site: the only shop whose rows are taken; None: all.
    """

    def __init__(
        self,
        source: Source,
        database: Database,
        reader: Reader,
        names: Names,
        tally: Tally,
        site: int | None,
    ) -> None:
        self._source = source
        self._database = database
        self._reader = reader
        self._names = names
        self._tally = tally
        self._site = site

    async def run(self) -> None:
        """Take over everything that is not there yet.

        Raises:
            SettingsError: the source cannot be read any more.
            StoreError: the database refused.
        """
        await self._agents(await self._groups())
        await self._replies()
        agents = await self._database.read(people.agents)
        await self._pairs(agents)
        await self._messages(agents)

    # Agents

    async def _groups(self) -> dict[int, int]:
        """Take over the groups; their numbers here by those of the source."""
        found: dict[int, int] = {}
        columns = ("site_id", "group_name", "desc", "create_time")
        of = {"app_module": AGENTS_MODULE}
        async for row in self._rows("group", "group_id", columns, GROUPS, equal=of):
            values = self._judged(GROUPS, row, self._reader.group, "site_id")
            if values is not None:
                group_id, is_new = await self._write(people.add_group, values)
                found[row["group_id"]] = group_id
                self._tally.add(GROUPS, int(is_new), int(not is_new))
        return found

    async def _agents(self, groups: Mapping[int, int]) -> None:
        uids = [
            await self._source.highest(*of) for of in (("user", "uid"), ("servicer", "user_id"))
        ]
        await self._write(people.reserve, max(uids))
        shown: dict[int, Row] = {}
        async for page in self._source.pages("servicer", "id", _SERVICER):
            shown.update({row["user_id"]: row for row in page if row["user_id"]})
        of = {"app_module": AGENTS_MODULE}
        async for row in self._rows("user", "uid", _USER, AGENTS, equal=of):
            agent = shown.pop(row["uid"], None)
            person = self._try(AGENTS, self._reader.person, row, agent)
            await self._add(person, groups)
        for agent in shown.values():
            await self._add(self._try(AGENTS, self._reader.former, agent), groups)

    async def _add(self, person: Person | None, groups: Mapping[int, int]) -> None:
        if person is None or self._is_other(person.site_id):
            return
        now, group_id = time.time(), groups.get(person.group, 0)
        added = await self._database.write(lambda c: people.add_person(c, person, group_id, now))
        self._tally.add(AGENTS, int(added.is_new), int(not added.is_new))
        if not added.is_new:
            return
        if not person.username:
            self._tally.note("agents without an account, kept as names")
            return
        if added.username != person.username:
            self._tally.say(f"agent {person.username} logs in as {added.username} from now on")
        if not person.password:
            self._tally.note("agents who need a new password")

    # Replies

    async def _replies(self) -> None:
        reader = self._reader
        columns: tuple[str, ...] = (
            "site_id", "keyword", "content_type", "content", "is_use", "create_time"
        )  # fmt: skip
        rows = [
            values
            async for row in self._rows("servicer_keyword_reply", "id", columns, KEYWORDS)
            if (values := self._judged(KEYWORDS, row, reader.keyword, "site_id")) is not None
        ]
        # Of several alike the latest that is in use is the one that is kept.
        rows.sort(key=lambda values: int(values["is_use"]))
        await self._add_all(KEYWORDS, people.add_keywords, rows[::-1])
        columns = ("site_id", "content", "create_time")
        rows = [
            values
            async for row in self._rows("servicer_fast_reply", "id", columns, QUICK)
            if (values := self._judged(QUICK, row, reader.quick, "site_id")) is not None
        ]
        await self._add_all(QUICK, people.add_quick, rows)

    async def _add_all(
        self, kind: str, unit: Callable[[Connection, Any], int], rows: Sequence[Any]
    ) -> None:
        if rows:
            added = await self._write(unit, rows)
            self._tally.add(kind, added, len(rows) - added)

    # Who talked to whom, and what was said

    async def _pairs(self, agents: Mapping[int, tuple[int, int]]) -> None:
        self._tally.begin(PAIRS)
        read, total = 0, await self._source.count("servicer_member")
        async for page in self._source.pages("servicer_member", "id", _MEMBER):
            found: list[tuple[int, int, Row]] = []
            for row in page:
                agent = agents.get(row["servicer_id"] or 0)
                member = self._try(PAIRS, member_id, row)
                if agent is None:
                    if self._site is None:
                        self._tally.skip(PAIRS, "unknown agent")
                elif member is not None and not self._is_other(agent[1]):
                    found.append((member, agent[0], row))
            await self._add_pairs(found, dict(agents.values()))
            read += len(page)
            self._tally.progress(PAIRS, read, total)

    async def _add_pairs(
        self, found: Sequence[tuple[int, int, Row]], sites: Mapping[int, int]
    ) -> None:
        if not found:
            return
        theirs = {
            member: Card(member, text(row, "member_name", 64), picture(row, "headimg", 255))
            for member, _, row in found
        }
        cards = await self._names.of(theirs, theirs)
        pairs = [
            people.Pair(
                servicer_id=uid,
                site_id=sites[uid],
                card=cards[member],
                create_time=seconds(row, "create_time"),
                last_online_time=seconds(row, "last_online_time"),
                delete_time=seconds(row, "delete_time"),
            )
            for member, uid, row in found
        ]
        now = time.time()
        added = await self._database.write(lambda c: people.add_pairs(c, pairs, now))
        self._tally.add(PAIRS, added, len(pairs) - added)

    async def _messages(self, agents: Mapping[int, tuple[int, int]]) -> None:
        self._tally.begin(MESSAGES)
        read, total = 0, await self._source.count("servicer_dialogue")
        await self._write(said.reserve, await self._source.highest("servicer_dialogue", "id"))
        async for page in self._source.pages(
            "servicer_dialogue", "id", _DIALOGUE, texts=("create_day", "create_time")
        ):
            batch: list[Message] = []
            size = 0
            for row in page:
                message = self._judged(MESSAGES, row, self._reader.message, "shop_id")
                if message is None:
                    continue
                if message.servicer and message.servicer not in agents:
                    self._tally.note("messages of unknown agents, kept without a name")
                if size + message.size > MAX_TEXT:
                    await self._store(batch, agents)
                    batch, size = [], 0
                batch.append(message)
                size += message.size
            await self._store(batch, agents)
            read += len(page)
            self._tally.progress(MESSAGES, read, total)

    async def _store(self, batch: Sequence[Message], agents: Mapping[int, tuple[int, int]]) -> None:
        if not batch:
            return
        keys = {message.key for message in batch}
        named = await self._database.read(lambda c: people.named(c, keys))
        cards = await self._names.of([member for member, _ in keys - named])
        stored = await self._database.write(Batch(batch, agents, cards).run)
        self._tally.add(MESSAGES, stored.added, len(batch) - stored.added)
        if stored.moved:
            self._tally.note("messages whose id was taken", stored.moved)

    # Rows

    async def _rows(
        self,
        name: str,
        key: str,
        columns: Sequence[str],
        kind: str,
        equal: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Row]:
        self._tally.begin(kind)
        async for page in self._source.pages(name, key, columns, equal=equal):
            for row in page:
                yield row

    def _judged(self, kind: str, row: Row, judge: Callable[[Row], T], site: str) -> T | None:
        """What a row becomes; None where it is left out, or of a shop that is not wanted."""
        try:
            if self._is_other(number(row, site) or self._reader.default_site):
                return None
        except Bad:
            pass  # the judge says so, too
        return self._try(kind, judge, row)

    def _try(self, kind: str, judge: Callable[..., T], *rows: Any) -> T | None:
        try:
            return judge(*rows)
        except Bad as bad:
            self._tally.skip(kind, str(bad))
            return None

    def _is_other(self, site_id: int) -> bool:
        return self._site is not None and site_id != self._site

    async def _write(self, unit: Callable[[Connection, Any], T], argument: Any) -> T:
        return await self._database.write(lambda connection: unit(connection, argument))

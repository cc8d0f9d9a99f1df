"""Tokens of the shop's own kind, which only the shop can read: it is asked whose they are."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from .envelope import ERROR, TOKEN_ERROR, TOKEN_EXPIRED, Refused
from .params import to_word
from .shop.breaker import Breaker
from .shop.errors import BadAnswer, ShopDown
from .shop.fetch import Denied, Fetcher
from .shop.values import to_integer, to_string
from .tokens import FIRST_VISITOR

T = TypeVar("T")

REFUSAL_LIFE = 5.0
"""Seconds that a refusal is remembered at most: who has just logged in must not wait for long."""

MAX_ANSWERS = 10_000
"""Tokens that are remembered, good and refused ones apart, so that made-up tokens do not push
good ones out."""

MAX_TOKEN = 4096
"""Characters of a token that the shop is asked about."""

NOT_NOW = "商城系统暂时无法验证登录状态，请稍后再试"


class Holder(NamedTuple):
    """Whose a token is.

    Args:
        member_id: of the shop.
        nickname: "" where the shop did not say.
        headimg: likewise.
        fresh: the next token, where the shop gave one because this one ends soon.
    """

    member_id: int
    nickname: str = ""
    headimg: str = ""
    fresh: str | None = None


class _Refusal(NamedTuple):
    is_expired: bool = False


_Answer = Holder | _Refusal


class _Memory(Generic[T]):
    def __init__(self) -> None:
        self._entries: dict[bytes, tuple[T, float]] = {}

    def get(self, key: bytes, now: float) -> T | None:
        value, until = self._entries.get(key, (None, 0.0))
        return value if now < until else None

    def put(self, key: bytes, value: T, until: float) -> None:
        self._entries.pop(key, None)
        if len(self._entries) >= MAX_ANSWERS:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (value, until)


class AskedTokens:
    """Asks the shop whose a token is. Tokens are in no log and, but for their hashes, nowhere kept.

    Args:
        url: which answers; ``docs/shop.md`` says what.
        life: seconds that an answer is remembered.
        timeout: seconds that it takes at most.
        clock: seconds.

    Raises:
        SettingsError: the URL cannot be used.
    """

    def __init__(
        self,
        url: str,
        life: float,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetcher = Fetcher("servicer.token_url", url)
        self._breaker = Breaker("servicer.token_url", timeout, clock)
        self._life = life
        self._clock = clock
        self._good: _Memory[Holder] = _Memory()
        self._bad: _Memory[_Refusal] = _Memory()
        self._asking: dict[bytes, asyncio.Task[_Answer]] = {}

    def remembered(self, token: str) -> Holder | None:
        """Whose a token was just a while ago; None: the shop must be asked."""
        return self._good.get(_hash(token), self._clock())

    async def holder(self, token: str) -> Holder:
        """Whose a token is. Who asks for the same token at the same time shares one request.

        Raises:
            Refused: nobody's, or the shop cannot be asked.
        """
        if len(token) > MAX_TOKEN:
            raise _refused(_Refusal())
        key = _hash(token)
        answer: _Answer | None = self._good.get(key, self._clock())
        answer = answer or self._bad.get(key, self._clock())
        if answer is None:
            task = self._asking.get(key)
            if task is None:
                task = self._asking[key] = asyncio.create_task(self._ask(key, token))
                task.add_done_callback(lambda done: self._end(key, done))
            try:
                answer = await asyncio.shield(task)
            except ShopDown:
                # Not the token's fault: clients must keep it.
                raise Refused(NOT_NOW, ERROR) from None
        if isinstance(answer, _Refusal):
            raise _refused(answer)
        return answer

    async def close(self) -> None:
        """Let the connections go. Idempotent."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._fetcher.close()

    def _end(self, key: bytes, task: asyncio.Task[_Answer]) -> None:
        del self._asking[key]
        if not task.cancelled():
            task.exception()  # who asked may be gone; the log has it

    async def _ask(self, key: bytes, token: str) -> _Answer:
        answer = await self._breaker.run(lambda: self._request(token))
        now = self._clock()
        if isinstance(answer, Holder):
            self._good.put(key, answer, now + self._life)
        else:
            self._bad.put(key, answer, now + min(self._life, REFUSAL_LIFE))
        return answer

    async def _request(self, token: str) -> _Answer:
        try:
            envelope = await self._fetcher.post({"token": token})
        except Denied:
            return _Refusal()
        if envelope is None:
            raise BadAnswer("status 404")
        return _read(envelope)


def _read(envelope: Any) -> _Answer:
    if not isinstance(envelope, dict) or "code" not in envelope:
        raise BadAnswer("the answer should be an object with a code")
    try:
        code = to_integer(envelope["code"])
    except ValueError as error:
        raise BadAnswer(f"code: {error}") from None
    if code < 0:
        return _Refusal(is_expired=code == TOKEN_EXPIRED)
    data = envelope.get("data")
    if not isinstance(data, dict):
        return _Refusal()
    try:
        member_id = to_integer(data.get("member_id"))
        if not 0 < member_id < FIRST_VISITOR:
            return _Refusal()
        nickname, headimg = (to_string(data.get(name)) for name in ("nickname", "headimg"))
    except ValueError as error:
        raise BadAnswer(f"data: a value {error}") from None
    fresh = to_word(envelope.get("refreshtoken"))
    return Holder(member_id, nickname, headimg, fresh if 0 < len(fresh) <= MAX_TOKEN else None)


def _refused(refusal: _Refusal) -> Refused:
    if refusal.is_expired:
        return Refused("登录已过期，请重新登录", TOKEN_EXPIRED, error_code="TOKEN_EXPIRE")
    return Refused("登录已失效，请重新登录", TOKEN_ERROR, error_code="TOKEN_ERROR")


def _hash(token: str) -> bytes:
    return hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=16).digest()

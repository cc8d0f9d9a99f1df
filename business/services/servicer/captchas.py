"""Pictures of a few letters that a login needs after failures. Each is good for one try."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .envelope import Busy
from .store import captchas as store

if TYPE_CHECKING:
    from .service import Servicer

LETTERS = "23456789ABCDEFGHJKLMNPQRTUVWXYZ"
"""Those that are not mistaken for each other."""

LENGTH = 4

LIFE = 300
"""Seconds that one is good for."""

MAX_WAITING = 16
"""Pictures that may wait to be drawn, one at a time; each takes some milliseconds."""


class Captchas:
    """Makes captchas and checks answers.

    Args:
        servicer: the running service.
    """

    def __init__(self, servicer: Servicer) -> None:
        self._servicer = servicer
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="captchas")
        self._waiting = 0

    async def make(self) -> dict[str, str]:
        """A new one: its ``id``, and its ``img`` as a data URL.

        Raises:
            Refused: too many are asked for.
        """
        if self._waiting >= MAX_WAITING:
            raise Busy
        text = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            png = await loop.run_in_executor(self._executor, _draw, text)
        finally:
            self._waiting -= 1
        captcha_id = secrets.token_hex(16)
        now = self._servicer.now()
        await self._servicer.database.write(
            lambda c: store.add(c, captcha_id, _hash(captcha_id, text), now, now - LIFE)
        )
        return {"id": captcha_id, "img": "data:image/png;base64," + base64.b64encode(png).decode()}

    async def is_right(self, captcha_id: str, answer: str) -> bool:
        """Whether that is what the picture shows. It cannot be asked again."""
        hashed = _hash(captcha_id, answer.strip().upper())
        since = self._servicer.now() - LIFE
        return await self._servicer.database.write(
            lambda c: store.take(c, captcha_id, hashed, since)
        )

    def close(self) -> None:
        """Let the thread go."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _draw(text: str) -> bytes:
    # Here, because few processes ever need it, and it loads a font.
    from captcha.image import ImageCaptcha

    image: Any = ImageCaptcha(width=130, height=44, font_sizes=(32, 36, 40))
    return bytes(image.generate(text, format="png").getvalue())


def _hash(captcha_id: str, text: str) -> str:
    return hashlib.sha256(f"{captcha_id} {text}".encode()).hexdigest()

"""Uploaded pictures: from the request to a file under ``servicer.upload_dir``, and back.

The path of a picture is the right to see it: 128 random bits that only the messages tell which hold
it. So they are served to whoever names them, and may be remembered by every cache.
"""

from __future__ import annotations

import asyncio
import datetime
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiohttp import web

from .envelope import Busy, Refused
from .images import TYPES, BadImage, Picture, clean
from .limits import Window

MINUTE = 60.0

MAX_WAITING = 16
"""Pictures that may wait to be decoded, one at a time; more are refused."""

ADDRESS_FACTOR = 4
"""Pictures that an address may send for each one that a person may: offices share addresses."""

TOO_MANY = "上传过于频繁，请稍后再试"
NO_FILE = "请选择要上传的图片"
NO_PICTURE = "图片格式不正确"

_PATH = re.compile(r"\d{1,10}/common/chat_img/\d{8}/[0-9a-f]{32}\.(?:png|jpg|webp|gif)", re.ASCII)

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "public, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "cross-origin",  # storefronts live elsewhere
}


class Uploads:
    """Takes pictures in and hands them out.

    Args:
        directory: where they are stored; common to all business nodes.
        max_size: bytes of a file.
        rate: pictures per person and minute, and ``ADDRESS_FACTOR`` times that per address;
            0: no limit.
    """

    def __init__(self, directory: str, max_size: int, rate: int) -> None:
        self.max_size = max_size
        self._directory = Path(directory)
        self._by_person = Window(rate, MINUTE)
        self._by_address = Window(rate * ADDRESS_FACTOR, MINUTE)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="images")
        self._waiting = 0

    def admit(self, address: str, now: float) -> None:
        """Count a request of an address, before its body is read.

        Raises:
            Refused: it had too many.
        """
        if not self._by_address.take(address, now):
            raise Refused(TOO_MANY)

    async def store(
        self, data: bytes | None, person: str, site_id: int, time: datetime.datetime
    ) -> str:
        """Store a picture; returns its path, ``upload/...``.

        Args:
            data: the file; None: there was none.
            person: whose limit it counts for.
            site_id: the shop it was sent to.
            time: local time.

        Raises:
            Refused: it is no picture, or there were too many.
        """
        if not data:
            raise Refused(NO_FILE)
        if not self._by_person.take(person, time.timestamp()):
            raise Refused(TOO_MANY)
        if self._waiting >= MAX_WAITING:
            raise Busy
        folder = f"{site_id}/common/chat_img/{time:%Y%m%d}"
        loop = asyncio.get_running_loop()
        self._waiting += 1
        try:
            path = await loop.run_in_executor(self._executor, self._store, data, folder)
        except BadImage:
            raise Refused(NO_PICTURE) from None
        finally:
            self._waiting -= 1
        return f"upload/{path}"

    def _store(self, data: bytes, folder: str) -> str:
        picture: Picture = clean(data)
        name = f"{secrets.token_hex(16)}.{picture.ending}"
        directory = self._directory / folder
        directory.mkdir(parents=True, exist_ok=True)
        # Nobody knows the name before it is answered: it need not appear all at once.
        with (directory / name).open("xb") as file:
            file.write(picture.data)
        return f"{folder}/{name}"

    async def serve(self, path: str) -> web.StreamResponse:
        """A picture by its path without ``upload/``.

        Raises:
            web.HTTPNotFound: there is none.
        """
        if not _PATH.fullmatch(path):
            raise web.HTTPNotFound
        file = self._directory / path
        if not await asyncio.to_thread(file.is_file):
            raise web.HTTPNotFound
        content_type = TYPES[path.rpartition(".")[2]]
        return web.FileResponse(file, headers={**_HEADERS, "Content-Type": content_type})

    def close(self) -> None:
        """Let the thread go."""
        self._executor.shutdown(wait=False, cancel_futures=True)

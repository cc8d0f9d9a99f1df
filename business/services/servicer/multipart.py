"""Bodies of type multipart, as a stream: nothing of what is too large is kept."""

from __future__ import annotations

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from .params import MAX_BODY, MAX_FIELDS

FILE = "file"
"""Name of the field that holds an uploaded file."""


async def read_multipart(
    request: web.Request, max_file: int
) -> tuple[dict[str, str], bytes | None]:
    """The texts of a body by name, and its file; of what cannot be read, what came before.

    Args:
        request: of a multipart type.
        max_file: most bytes of the file; 0: none is wanted, and it is dropped.

    Raises:
        web.HTTPRequestEntityTooLarge: file or texts are too large.
    """
    texts: dict[str, str] = {}
    file: bytes | None = None
    room = MAX_BODY + max_file
    if (request.content_length or 0) > room:
        raise web.HTTPRequestEntityTooLarge(room, request.content_length or 0)
    try:
        reader = await request.multipart()
        room = MAX_BODY
        while len(texts) < MAX_FIELDS and (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                break
            if part.name == FILE and max_file:
                file = await _read(part, max_file)
                continue
            value = await _read(part, room)
            room -= len(value)
            if part.name and part.filename is None:
                texts[part.name] = value.decode("utf-8", "replace")
    except (
        ValueError,
        AssertionError,
        HttpProcessingError,
    ):  # no boundary, or parts that break off
        pass
    return texts, file


async def _read(part: BodyPartReader, most: int) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk(64 * 1024):
        data += chunk
        if len(data) > most:
            raise web.HTTPRequestEntityTooLarge(most, len(data))
    return bytes(data)

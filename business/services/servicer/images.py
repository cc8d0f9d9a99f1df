"""Pictures that strangers send: told by their content, decoded, and written anew.

Nothing of the file that came is kept but the pixels: no EXIF (which tells where a photograph was
taken), no comments, no profiles, and no second file hidden behind the first.
"""

from __future__ import annotations

import io
from typing import Any, NamedTuple

from PIL import Image, ImageOps, ImageSequence

FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif"}
"""What is accepted, by the name that Pillow has for it, and the ending of what is stored."""

TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
}
"""Content type by ending."""

MAX_PIXELS = 40_000_000
"""Most pixels of a picture, all frames of an animation together: decoded, they take four bytes
each. A telephone's photographs have 12 to 24 millions."""

JPEG_QUALITY = 88
WEBP_QUALITY = 85
FRAME_TIME = 100
"""Milliseconds of a frame that does not say."""

Image.MAX_IMAGE_PIXELS = MAX_PIXELS


class BadImage(Exception):
    """It is no picture of an accepted format, it is damaged, or it is too large."""


class Picture(NamedTuple):
    """A picture as it may be stored: the file's content and its ending."""

    data: bytes
    ending: str


def clean(data: bytes) -> Picture:
    """Decode a picture and write it anew. Takes up to some seconds: not for the event loop.

    Args:
        data: a whole file, of whatever name and type it was sent with.

    Raises:
        BadImage: it cannot be used.
    """
    try:
        with Image.open(io.BytesIO(data), formats=list(FORMATS)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadImage("too many pixels")
            return _write(image)
    except BadImage:
        raise
    except Exception as error:
        # Decoders of damaged files raise whatever their code runs into.
        raise BadImage(f"{type(error).__name__}: {error}") from None


def _write(image: Image.Image) -> Picture:
    kind = str(image.format)
    frames, times = _frames(image)
    options: dict[str, Any] = {"format": kind}
    if kind == "JPEG":
        options.update(quality=JPEG_QUALITY, optimize=True)
    elif kind == "WEBP":
        options.update(quality=WEBP_QUALITY)
    if len(frames) > 1:
        loop = image.info.get("loop", 0)
        options.update(
            save_all=True,
            append_images=frames[1:],
            duration=times,
            loop=loop if isinstance(loop, int) else 0,
        )
        if kind == "GIF":
            options.update(disposal=2)
    written = io.BytesIO()
    frames[0].save(written, **options)
    return Picture(written.getvalue(), FORMATS[kind])


def _frames(image: Image.Image) -> tuple[list[Image.Image], list[int]]:
    """The frames, and how long each is shown, milliseconds. One, where all would be too many."""
    count = int(getattr(image, "n_frames", 1)) if image.format in ("GIF", "WEBP") else 1
    if count == 1 or count * image.width * image.height > MAX_PIXELS:
        image.seek(0)
        return [_pixels(image)], []
    frames, times = [], []
    for frame in ImageSequence.Iterator(image):
        frames.append(_pixels(frame))
        time = frame.info.get("duration", FRAME_TIME)
        times.append(int(time) if isinstance(time, int | float) else FRAME_TIME)
    return frames, times


def _pixels(image: Image.Image) -> Image.Image:
    """A copy of nothing but the pixels, the right way up."""
    upright = ImageOps.exif_transpose(image)
    is_clear = upright.has_transparency_data and image.format != "JPEG"
    pixels = upright.convert("RGBA" if is_clear else "RGB")
    if pixels is image:
        pixels = image.copy()
    pixels.info.clear()
    return pixels

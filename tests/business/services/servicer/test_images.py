"""What is left of a picture."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from business.services.servicer import images
from business.services.servicer.images import BadImage, clean


def picture(
    kind: str, size: tuple[int, int] = (30, 20), mode: str = "RGB", **options: Any
) -> bytes:
    """A file of that format, red."""
    written = io.BytesIO()
    Image.new(mode, size, "red").save(written, kind, **options)
    return written.getvalue()


PALETTES = ("PNG", "GIF")
"""Formats that have them."""


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        (kind, mode)
        for kind in images.FORMATS
        for mode in ("RGB", "L", "P")
        if mode != "P" or kind in PALETTES
    ],
)
def test_every_format_is_written_anew(kind: str, mode: str) -> None:
    """In the same format and size."""
    made = clean(picture(kind, mode=mode) + b"<script>alert(1)</script>")
    assert made.ending == images.FORMATS[kind]
    assert b"script" not in made.data
    with Image.open(io.BytesIO(made.data)) as image:
        assert (image.format, image.size) == (kind, (30, 20))


def test_photographs_tell_no_place_and_stand_upright() -> None:
    """EXIF goes; what it says of the orientation is done before."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010F] = "Some Camera"
    data = picture("JPEG", exif=exif, comment=b"where I live")
    assert b"Some Camera" in data
    made = clean(data).data
    assert b"Camera" not in made
    assert b"where I live" not in made
    with Image.open(io.BytesIO(made)) as image:
        assert image.size == (20, 30)
        assert not image.getexif()


def test_transparency_is_kept() -> None:
    """Of formats that have it."""
    for kind in ("PNG", "WEBP", "GIF"):
        written = io.BytesIO()
        Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(written, kind)
        with Image.open(io.BytesIO(clean(written.getvalue()).data)) as image:
            assert image.convert("RGBA").getpixel((0, 0))[3] == 0, kind  # type: ignore[index]


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_animations_go_on_moving(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With their times; of one with too many pixels the first frame is left."""
    frames = [Image.new("RGB", (10, 10), color) for color in ("red", "green", "blue")]
    written = io.BytesIO()
    frames[0].save(written, kind, save_all=True, append_images=frames[1:], duration=70, loop=0)
    with Image.open(io.BytesIO(clean(written.getvalue()).data)) as image:
        assert getattr(image, "n_frames", 1) == 3
        image.load()
        assert image.info["duration"] == 70
    monkeypatch.setattr(images, "MAX_PIXELS", 299)
    with Image.open(io.BytesIO(clean(written.getvalue()).data)) as image:
        assert getattr(image, "n_frames", 1) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"GIF89a<script>alert(1)</script>",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
        picture("PNG")[:60],
        picture("JPEG")[:300],
        picture("BMP"),
        picture("TIFF"),
        picture("ICO"),
        b"%PDF-1.4",
    ],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    """Whatever it is, damaged ones too."""
    with pytest.raises(BadImage):
        clean(data)


def test_a_picture_of_too_many_pixels_is_refused_undecoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file may say that it is as large as a house."""
    monkeypatch.setattr(images, "MAX_PIXELS", 599)
    with pytest.raises(BadImage):
        clean(picture("PNG"))

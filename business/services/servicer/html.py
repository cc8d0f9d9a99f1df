"""What may be shown of a message (CONTRACT 7): an allow-list, applied when it is stored.

Messages are HTML fragments that both sides' clients show as they are, so everything else must go
before it is stored: tags but those below, every attribute but an image's source and a link's
target, and of those whatever does not lead to where it may.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Collection
from urllib.parse import urlsplit

import nh3

MAX_LENGTH = 16_000
"""Most characters of a stored fragment: four bytes each fit into a TEXT column of MySQL."""

_TAGS = {"p", "br", "span", "img", "a"}
_ATTRIBUTES = {"img": {"src"}, "a": {"href"}}
_SCHEMES = {"http", "https"}

_RELATIVE = re.compile(
    r"/?[\w%~@-][\w%~@.-]*(?:/[\w%~@-][\w%~@.-]*)*\.(?:png|gif|jpe?g|webp|bmp)",
    re.ASCII | re.IGNORECASE,
)
"""A path to an image of this site. Without scheme, host, query or ``..``, and with an image's
ending, because the browser of whoever reads the message fetches it with that person's cookies."""

_EMOJI = re.compile(r"/emjoy_\d{2}\.(?:gif|png)$", re.ASCII)
_BLANK = "\u200b\ufeff \t\r\n\xa0"
_UPLOAD = re.compile(r"/?upload/[\w./-]+\.(?:png|jpe?g|gif|webp)", re.ASCII | re.IGNORECASE)
_IMAGE = re.compile(r"<img\b[^>]*\bsrc=")
_PLAIN = re.compile(r"[^<>&\0-\x08\x0b-\x1f\x7f\xa0\ufeff]*")
"""What is the same text and the same HTML: most messages, which need no parser."""

_LINE = re.compile(
    r"<(?:div|li|tr|h[1-6])\b[^<>]*>(?:\s*<br\s*/?>(?=\s*</))?", re.ASCII | re.IGNORECASE
)
"""The beginning of what browsers show on a line of its own. In texts that are edited in the page
they put each line into such a tag, an empty one with a break in it."""


class Sanitizer:
    """Makes messages safe to be shown by clients that do not look at them.

    Args:
        image_hosts: hosts whose images are shown. Empty: of other hosts only emoji.
    """

    def __init__(self, image_hosts: Collection[str] = ()) -> None:
        self._hosts = frozenset(host.lower() for host in image_hosts)
        self._fragment = nh3.Cleaner(
            tags=_TAGS,
            attributes=_ATTRIBUTES,
            attribute_filter=self._attribute,
            url_schemes=_SCHEMES,
            link_rel="noopener noreferrer nofollow",
        )
        self._plain = nh3.Cleaner(tags=set(), attributes={})

    def fragment(self, html: str) -> str:
        """The allowed part of an HTML fragment; "" where nothing can be seen of it."""
        html = html.strip()
        if _PLAIN.fullmatch(html):
            return html if html.strip(_BLANK) else ""
        lines = _LINE.sub(lambda found: "<br>" if found.start() else "", html)
        # An image without a source is one that must not be shown.
        clean = self._fragment.clean(lines).replace("<img>", "").strip()
        return "" if self._is_empty(clean) else clean

    def escaped(self, text: str) -> str:
        """A plain text as a fragment; "" for one that is empty."""
        if not text.strip():
            return ""
        lines = entities.escape(text.strip(), quote=False).splitlines()
        return f"<p>{'<br>'.join(lines)}</p>"

    def text(self, fragment: str) -> str:
        """A fragment without its tags. Still escaped: clients may show it as HTML, too."""
        lines = fragment.replace("<br>", " ").replace("</p><p>", " ")
        lines = lines.removeprefix("<p>").removesuffix("</p>")
        return (lines if "<" not in lines else self._plain.clean(lines)).strip()

    def _is_empty(self, fragment: str) -> bool:
        """Whether a clean fragment shows neither text nor image."""
        if fragment and "<" not in fragment and "&" not in fragment:
            return not fragment.strip(_BLANK)
        if _IMAGE.search(fragment):
            return False
        return not entities.unescape(self._plain.clean(fragment)).strip(_BLANK)

    def image(self, path: str) -> str:
        """The path or URL of an image message; "" where it may not be shown."""
        path = path.strip()
        if _UPLOAD.fullmatch(path) and ".." not in path:
            return path
        return path if self._is_allowed_url(path) and not _EMOJI.search(path) else ""

    def _attribute(self, tag: str, attribute: str, value: str) -> str | None:
        if tag == "img":
            return value if self._is_image(value) else None
        if tag == "a" and attribute == "href":
            return value if _split(value) is not None else None
        return value

    def _is_image(self, source: str) -> bool:
        return bool(_RELATIVE.fullmatch(source)) or self._is_allowed_url(source)

    def _is_allowed_url(self, url: str) -> bool:
        found = _split(url)
        if found is None:
            return False
        host, path = found
        if self._hosts:
            return host in self._hosts
        return bool(_EMOJI.search(path))


def _split(url: str) -> tuple[str, str] | None:
    """Host and path of an absolute http(s) URL; None for anything else."""
    if re.search(r"[\s\\<>\"'\x00-\x1f]", url):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme.lower() not in _SCHEMES or not host or "@" in parts.netloc:
        return None
    return host, parts.path

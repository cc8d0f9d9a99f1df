"""What is left of what clients send."""

from __future__ import annotations

import random
import re
import time
from html.parser import HTMLParser

import pytest

import business.services.servicer.html as html_module
from business.services.servicer.html import MAX_LENGTH, Sanitizer
from tests.support.timing import SECOND

ALLOWED = {"p": set(), "br": set(), "span": set(), "img": {"src"}, "a": {"href", "rel"}}

CORPUS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<img src='x' onerror='alert(1)'//>",
    '<img src="javascript:alert(1)">',
    '<img src="data:image/svg+xml;base64,PHN2Zz4=">',
    "<img src=//evil.example/a.png>",
    '<img src="/\\evil.example/a.png">',
    '<img src="\\\\evil.example\\a.png">',
    '<img src="https://evil.example/pixel.png">',
    '<img src="https://shop.example@evil.example/emjoy_01.gif">',
    '<img src="/servicer/servicer/login/logout">',
    '<img src="/servicer/servicer/chat/bye?x=.png">',
    '<img src="../../x.png">',
    '<img src="a" srcset="https://evil.example/a.png 1x" style="background:url(//evil)">',
    '<a href="javascript:alert(1)">x</a>',
    '<a href="JaVaScRiPt:alert(1)">x</a>',
    '<a href="java\nscript:alert(1)">x</a>',
    '<a href="&#106;avascript:alert(1)">x</a>',
    '<a href="vbscript:x">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<a href="https://ok.example/" onclick="alert(1)" target="_top" style="x">x</a>',
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<math><mtext><table><mglyph><style><!--</style>"
    "<img title='--&gt;&lt;img src=1 onerror=1&gt;'>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<object data=x></object><embed src=x>",
    "<form action=//evil><input name=x><button>go</button></form>",
    "<style>*{background:url(//evil)}</style>",
    "<link rel=stylesheet href=//evil>",
    "<meta http-equiv=refresh content='0;url=//evil'>",
    "<base href=//evil>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>x</details>",
    "<video><source onerror=alert(1)></video>",
    "<p style='position:fixed' class=x id=y onmouseover=alert(1)>hi</p>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><img src=x onerror=alert(1)></template>",
    "<textarea><img src=x onerror=alert(1)></textarea>",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>",
    "<<script>script>alert(1)<</script>/script>",
    "<img src=x:alert(alt) onerror=eval(src) alt=0>",
    "<img src=`x` onerror=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "<p>" * 2000 + "deep",
]


class Watcher(HTMLParser):
    """Refuses whatever is not on the list."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED, tag
        for name, value in attrs:
            assert name in ALLOWED[tag], (tag, name)
            if name == "href":
                assert (value or "").startswith(("http://", "https://")), value
            if name == "src":
                assert "evil" not in (value or ""), value
                assert (value or "").endswith((".png", ".gif")), value

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


@pytest.mark.parametrize("html", CORPUS)
def test_nothing_that_does_anything_is_left(html: str) -> None:
    """And cleaning it again changes nothing."""
    sanitizer = Sanitizer()
    clean = sanitizer.fragment(html)
    Watcher().feed(clean)
    assert sanitizer.fragment(clean) == clean
    assert "<" not in sanitizer.text(clean)


@pytest.mark.parametrize(
    "html",
    [
        "<p>你好</p>",
        "<p>你好<br>again</p>",
        "[emjoy_01] and [emjoy_47]",
        '<p>a<img src="https://shop.example/public/static/img/emojy/emjoy_05.gif"></p>',
        '<img src="upload/1/chat/20210317/x.png">',
        '<img src="/static/emojy/emjoy_05.png">',
        "<span>x</span>",
        "0",
    ],
)
def test_what_clients_send_is_kept(html: str) -> None:
    """Verbatim."""
    assert Sanitizer().fragment(html) == html


@pytest.mark.parametrize(
    ("html", "clean"),
    [
        ("one<div>two</div>", "one<br>two"),
        ("<div>one</div><div>two</div>", "one<br>two"),
        ("one<div><br></div><DIV class='x'>two<br/></DIV>", "one<br><br>two<br>"),
        (" <div>alone</div> ", "alone"),
        ("<ul><li>one</li><li>two</li></ul>", "<br>one<br>two"),
        ("<divine>one</divine>", "one"),
    ],
)
def test_lines_stay_lines(html: str, clean: str) -> None:
    """Also where each has a tag of its own that is not kept."""
    assert Sanitizer().fragment(html) == clean
    assert Sanitizer().text(clean).split() == clean.replace("<br>", " ").split()


def test_tags_that_never_end_take_no_time() -> None:
    """However many of them there are."""
    start = time.perf_counter()
    Sanitizer().fragment("<div " * 12_800)
    Sanitizer().fragment("<div>" + "<br " * 12_800)
    assert time.perf_counter() - start < 1.0 * SECOND


def test_images_of_configured_hosts() -> None:
    """With hosts configured, nobody else's are shown, emoji or not."""
    sanitizer = Sanitizer(["Img.Example"])
    own = '<img src="https://img.example/a.png">'
    assert sanitizer.fragment(own) == own
    assert sanitizer.fragment('<img src="https://other.example/a.png">') == ""
    assert sanitizer.fragment('<img src="https://other.example/emjoy_01.gif">') == ""
    assert sanitizer.image("https://img.example/a.png") == "https://img.example/a.png"


@pytest.mark.parametrize(
    "html", ["", " ", "<p></p>", "<p><br></p>", "<p>&nbsp;&#8203;</p>", "<a></a>"]
)
def test_what_shows_nothing_is_empty(html: str) -> None:
    """Whatever tags it has."""
    assert Sanitizer().fragment(html) == ""


def test_plain_text() -> None:
    """Escaped, in a paragraph, lines kept; and back to text without tags, still escaped."""
    sanitizer = Sanitizer()
    fragment = sanitizer.escaped(" <b>&\nline ")
    assert fragment == "<p>&lt;b&gt;&amp;<br>line</p>"
    assert sanitizer.text(fragment) == "&lt;b&gt;&amp; line"
    assert sanitizer.escaped(" \n ") == ""


@pytest.mark.parametrize(
    ("path", "is_good"),
    [
        ("upload/1/a.png", True),
        ("/upload/a.JPG", True),
        ("upload/../a.png", False),
        ("upload/a.svg", False),
        ("javascript:alert(1)", False),
        ("https://evil.example/a.png", False),
        ("https://evil.example/emjoy_01.gif", False),
        ('upload/a".png', False),
        ("other/a.png", False),
        ("", False),
    ],
)
def test_paths_of_images(path: str, is_good: bool) -> None:
    """Uploads of this service only."""
    assert Sanitizer().image(path) == (path if is_good else "")


def test_the_longest_fragment_fits_every_database() -> None:
    """TEXT of MySQL has 65,535 bytes."""
    assert MAX_LENGTH * 4 <= 65_535


def test_plain_texts_are_what_the_parser_makes_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most messages are not parsed; nobody can tell."""
    rng = random.Random(1)
    signs = [
        *map(chr, range(1, 256)),
        "\ufeff",
        "\u200b",
        "\u2028",
        "客",
        "👋",
        "\ufffd",
        "-->",
        "]]>",
    ]
    texts = ["".join(rng.choices(signs, k=rng.randrange(12))) for _ in range(5000)]
    texts += [f"{sign}x{sign}" for sign in signs]
    sanitizer = Sanitizer()
    quick = [sanitizer.fragment(text) for text in texts]
    monkeypatch.setattr(html_module, "_PLAIN", re.compile("(?!)"))
    assert quick == [sanitizer.fragment(text) for text in texts]

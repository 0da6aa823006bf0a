"""The two forms of a comment's text, plain and HTML, made from each other."""

import html
import re
from html.parser import HTMLParser

_BREAKS = {"br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "blockquote", "pre"}
_HIDDEN = {"script", "style"}


def as_html(plain: str) -> str:
    """Return plain text as Zendesk renders it: escaped, a paragraph for each block.

    >>> as_html("Hello")
    '<div class="zd-comment" dir="auto"><p dir="auto">Hello</p></div>'
    """
    blocks = re.split(r"\n{2,}", plain.strip())
    lines = (html.escape(block, quote=False).replace("\n", "<br>") for block in blocks)
    paragraphs = "".join(f'<p dir="auto">{line}</p>' for line in lines)
    return f'<div class="zd-comment" dir="auto">{paragraphs}</div>'


def as_plain(markup: str) -> str:
    """Return what a reader of the HTML sees.

    >>> as_plain("<p>Hello&nbsp;<b>you</b></p><p>Bye</p>")
    'Hello you\\nBye'
    """
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    lines = (re.sub(r"[ \t\xa0]+", " ", line).strip() for line in "".join(reader.parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden += 1

        if tag == "br":
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)

        if tag in _BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)

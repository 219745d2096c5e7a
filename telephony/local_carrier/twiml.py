"""TwiML as a tree: parsing only, performing is in `verbs`.

Rules: https://www.twilio.com/docs/voice/twiml (root `<Response>`, names are case-sensitive, comments ignored).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

MAX_BYTES = 64 * 1024
MAX_DEPTH = 20
MAX_ELEMENTS = 2000
_DECLARED_VERSION = re.compile(rb"""^\s*<\?xml\s+version\s*=\s*["']([^"']*)["']""")


class TwimlError(Exception):
    """The document cannot be performed. `code` is Twilio's (12100 unparsable, 12101 version, 12102 wrong root…)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Node:
    """One element. `content` keeps text and child elements in their written order (speech markup needs it)."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    content: tuple[str | Node, ...] = ()

    @property
    def children(self) -> tuple[Node, ...]:
        """Child elements, in order."""
        return tuple(part for part in self.content if isinstance(part, Node))

    @property
    def text(self) -> str:
        """The element's own text without the space around it."""
        return "".join(part for part in self.content if isinstance(part, str)).strip()


def parse(document: bytes) -> tuple[Node, ...]:
    """The verbs of a TwiML document, in order. Raises TwimlError with Twilio's code.

    Document types and entities are refused: TwiML needs none, and they are how small documents grow without end.
    """
    if len(document) > MAX_BYTES:
        raise TwimlError(11750, f"The TwiML document is larger than {MAX_BYTES // 1024} kB.")
    if not document.strip():
        raise TwimlError(11770, "The response is empty; an empty <Response/> says that there is nothing to do.")
    declared = _DECLARED_VERSION.match(document)
    if declared and declared[1] != b"1.0":
        raise TwimlError(12101, "The XML declaration must say version 1.0.")
    root = _TreeBuilder().build(document.strip())
    if root.name != "Response":
        raise TwimlError(12102, f"The root element must be <Response>, not <{root.name[:40]}>.")
    return root.children


@dataclass
class _Open:
    name: str
    attributes: dict[str, str]
    content: list[str | Node] = field(default_factory=list)


class _TreeBuilder:
    def __init__(self) -> None:
        self._open: list[_Open] = [_Open("", {})]
        self._elements = 0
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype

    def build(self, document: bytes) -> Node:
        try:
            self._parser.Parse(document, True)
        except expat.ExpatError as problem:
            raise TwimlError(12100, f"The document is not well-formed XML: {problem}.") from problem
        return next(part for part in self._open[0].content if isinstance(part, Node))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._open) > MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise TwimlError(12100, "The document is nested too deeply or has too many elements.")
        self._open.append(_Open(name, attributes))

    def _end(self, _name: str) -> None:
        done = self._open.pop()
        self._open[-1].content.append(Node(done.name, done.attributes, tuple(done.content)))

    def _text(self, text: str) -> None:
        if len(self._open) > 1:
            self._open[-1].content.append(text)

    def _refuse_doctype(self, *_: object) -> None:
        raise TwimlError(12100, "A document type declaration is not allowed in TwiML.")

"""YAML that remembers where everything stands, so that a complaint names its line and column.

The dialect is small on purpose: one document, UTF-8, mappings with text keys, lists, text,
numbers, `true`/`false` and null as in the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/,
10.3.2). So `no` is Norwegian and not false, and a date is text. Tags are refused.
"""

import math
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

YamlValue: TypeAlias = "str | int | float | bool | list[YamlValue] | dict[str, YamlValue] | None"
YamlPath: TypeAlias = tuple[str | int, ...]
"""The keys and list positions (from 0) that lead from the whole document to a value."""

PLAIN_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
"""A key that a message may show; any other may be text, or a credential in the wrong place."""

MAX_BYTES = 1 << 20
MAX_VALUES = 50_000  # counted after aliases are followed, so a small file cannot unfold to a bomb
MAX_PROBLEMS = 1_000  # more than anybody reads; a hostile file could hold one a line
MAX_DEPTH = 32  # far below the interpreter's recursion limit

_TEXT_TAG = "tag:yaml.org,2002:str"
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Mapping[str, bool | None] = types.MappingProxyType(
    {"": None, "~": None}
    | dict.fromkeys(("null", "Null", "NULL"))
    | dict.fromkeys(("true", "True", "TRUE"), True)
    | dict.fromkeys(("false", "False", "FALSE"), False)
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_OF_THE_GRAMMAR = re.compile(r"\\?.?|<[a-z ]+>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place in a file, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to correct: where it stands, and what was expected there (never what stood there).

    `path` is for people, as in `rules[2].when.intent`; it is empty for the whole document.
    """

    file: str
    line: int
    column: int
    path: str
    expected: str

    def __str__(self) -> str:
        """Return one line, in the form that editors turn into a link."""
        place = f"{self.file}:{self.line}:{self.column}: "
        return f"{place}{self.path + ': ' if self.path else ''}expected {self.expected}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedDocument:
    """A parsed document; where `problems` is not empty, `value` holds what could be read."""

    file: str
    value: YamlValue
    problems: tuple[Problem, ...] = ()
    values: Mapping[YamlPath, Mark] = field(default_factory=dict)
    keys: Mapping[YamlPath, Mark] = field(default_factory=dict)

    def at(self, path: YamlPath) -> YamlValue:
        """Return the value at `path`, or None where there is none."""
        value = self.value

        for step in path:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
                value = value[step]
            else:
                return None

        return value

    def problem(self, path: YamlPath, expected: str, *, at_key: bool = False) -> Problem:
        """Return a problem at `path`, or at the nearest place above it that the file has.

        `at_key` points at the key of the value instead, and leaves it out of the shown path,
        because an unknown key can be anything.
        """
        place = path
        marks = self.keys if at_key else self.values

        while place and place not in marks:
            place = place[:-1]
            marks = self.values

        mark = marks.get(place, Mark(line=1, column=1))
        shown = show_path(path[:-1] if at_key else path)
        return Problem(
            file=self.file, line=mark.line, column=mark.column, path=shown, expected=expected
        )


def show_path(path: YamlPath) -> str:
    """Return a path as people write it; a key that is not a plain name shows as dots.

    >>> show_path(("rules", 2, "when", "a secret?"))
    'rules[2].when.…'
    """
    steps = (f"[{step}]" if isinstance(step, int) else f".{_show_key(step)}" for step in path)
    return "".join(steps).removeprefix(".")


def parse_yaml(content: bytes, *, file: str) -> MarkedDocument:
    """Return the document with the place of every key and value; never raises for bad content.

    `file` is the name that problems carry. Beyond 1 MiB, 50 000 values (aliases followed) or 32
    levels the document is not read.
    """
    if len(content) > MAX_BYTES:
        return _unread(file, Mark(line=1, column=1), "a file of at most 1 MiB")

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        return _unread(file, _mark_after(before), "text in UTF-8")

    return _compose(text, file)


def _compose(text: str, file: str) -> MarkedDocument:
    """Return the document of `text`, or one that says where it stops to be YAML."""
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        mark = _mark_after(text[: error.position])
        return _unread(file, mark, "printable text; this character must be escaped")

    try:
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        return _unread(file, _mark(error.problem_mark), _syntax(error))
    except (ValueError, OverflowError):  # PyYAML lets chr() fail on an escape beyond Unicode
        return _unread(file, _mark(loader.get_mark()), "valid YAML: a character of Unicode")
    finally:
        loader.dispose()

    if root is None:
        return MarkedDocument(file=file, value=None)

    builder = _Builder(file)
    value = builder.build(root, ())
    return MarkedDocument(
        file=file,
        value=value,
        problems=tuple(builder.problems),
        values=builder.values,
        keys=builder.keys,
    )


class _Loader(yaml.BaseLoader):
    """PyYAML's loader without any types of its own, bounded in depth while it recurses."""

    def __init__(self, stream: str) -> None:
        """Start at the outermost level."""
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose one value, or refuse it when it lies too deep."""
        if self._depth == MAX_DEPTH:
            raise yaml.composer.ComposerError(None, None, _TOO_DEEP, self.get_mark())

        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


_TOO_DEEP = f"found more than {MAX_DEPTH} levels"


class _Builder:
    """Turn nodes into values, noting marks and problems on the way."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self.values: dict[YamlPath, Mark] = {}
        self.keys: dict[YamlPath, Mark] = {}
        self._file = file
        self._count = 0
        self._is_full = False

    def build(self, node: yaml.Node, path: YamlPath) -> YamlValue:
        """Return the value of `node`; what cannot be read becomes None and a problem."""
        self._count += 1

        if self._count > MAX_VALUES or len(path) > MAX_DEPTH:
            if not self._is_full:
                self._is_full = True
                self.problems.append(self._problem(node, (), _BOUNDS))

            return None

        self.values[path] = _mark(node.start_mark)

        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)

        if isinstance(node, yaml.SequenceNode):
            items = enumerate(node.value)
            return [self.build(item, (*path, position)) for position, item in items]

        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: YamlPath) -> dict[str, YamlValue]:
        result: dict[str, YamlValue] = {}

        for key_node, value_node in node.value:
            key = self._scalar(key_node, path) if key_node.id == "scalar" else None

            if not isinstance(key, str):
                self._refuse(key_node, path, "a key of text; put quotes around it")
                continue

            here = (*path, key)

            if here in self.keys and key in result:
                first = self.keys[here].line
                self._refuse(key_node, path, f"each key once; line {first} has this one already")
                continue

            self.keys[here] = _mark(key_node.start_mark)
            result[key] = self.build(value_node, here)

        return result

    def _scalar(self, node: yaml.Node, path: YamlPath) -> YamlValue:
        text: str = node.value

        if node.tag != _TEXT_TAG:
            self._refuse(node, path, "a value without a YAML tag")
            return None

        if _SURROGATE.search(text):
            self._refuse(node, path, "whole characters, not halves of a surrogate pair")
            return None

        plain = isinstance(node, yaml.ScalarNode) and node.style is None
        return _resolve(text) if plain else text

    def _refuse(self, node: yaml.Node, path: YamlPath, expected: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(self._problem(node, path, expected))

    def _problem(self, node: yaml.Node, path: YamlPath, expected: str) -> Problem:
        mark = _mark(node.start_mark)
        return Problem(
            file=self._file,
            line=mark.line,
            column=mark.column,
            path=show_path(path),
            expected=expected,
        )


_BOUNDS = f"at most {MAX_VALUES} values and {MAX_DEPTH} levels, aliases counted in full"


def _resolve(text: str) -> YamlValue:
    """Give an unquoted scalar its type."""
    if text in _WORDS:
        return _WORDS[text]

    if _INTEGER.fullmatch(text):
        return int(text)

    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number

    return text


def _unread(file: str, mark: Mark, expected: str) -> MarkedDocument:
    problem = Problem(file=file, line=mark.line, column=mark.column, path="", expected=expected)
    return MarkedDocument(file=file, value=None, problems=(problem,))


def _syntax(error: yaml.MarkedYAMLError) -> str:
    """Say what the parser says, without the words of the file that it quotes."""
    problem = error.problem or "it cannot be read here"
    whole = f"{error.context}, {problem}" if problem.startswith("but ") else problem
    return f"valid YAML: {_QUOTED.sub(_hide, whole)}"


def _hide(quoted: re.Match[str]) -> str:
    """Keep a quoted sign of the grammar, and hide anything that may be somebody's text."""
    inner = quoted[1] or quoted[2] or ""
    return quoted[0] if _OF_THE_GRAMMAR.fullmatch(inner) else "…"


def _mark(mark: yaml.Mark | None) -> Mark:
    return Mark(line=mark.line + 1, column=mark.column + 1) if mark else Mark(line=1, column=1)


def _mark_after(text: str) -> Mark:
    """Return the place of the character that follows `text`."""
    return Mark(line=text.count("\n") + 1, column=len(text) - text.rfind("\n"))


def _show_key(key: str) -> str:
    return key if PLAIN_KEY.fullmatch(key) else "…"

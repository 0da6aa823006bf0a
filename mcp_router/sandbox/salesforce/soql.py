"""The part of SOQL that the embedded Salesforce understands, as frozen values.

SELECT fields (or COUNT()) FROM object [WHERE ..] [ORDER BY ..] [LIMIT n] [OFFSET n], after the
"SOQL and SOSL Reference". As there, AND and OR may not be mixed without parentheses, and a text
literal stands in single quotes with backslash escapes.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

from mcp_router.sandbox.salesforce.answers import Refusal, Scalar

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^'\\]|\\.)*')
      | (?P<moment>\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))?)
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
      | (?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_OPERATORS = frozenset({"=", "!=", "<>", "<", "<=", ">", ">=", "LIKE", "IN"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A value in a query; `pattern` is the text of a LIKE with its escapes still in it."""

    value: Scalar
    pattern: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One field against one literal, or several for IN."""

    field: str
    operator: str
    literals: tuple[Literal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """Conditions that must hold all (AND) or at least one (OR)."""

    word: str
    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Negated:
    """A condition that must not hold."""

    part: "Condition"


Condition: TypeAlias = Comparison | Combined | Negated


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One key of the ordering."""

    field: str
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A whole query; without `fields` it only counts."""

    fields: tuple[str, ...]
    object: str
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0


def parse(text: str) -> Query:
    """Return the query that `text` spells.

    >>> parse("SELECT Id FROM Case WHERE Status = 'New' LIMIT 1").limit
    1

    Raises:
        Refusal: MALFORMED_QUERY, with the token at which understanding ended.
    """
    return _Parser(_tokens(text)).query()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str

    def is_word(self, *words: str) -> bool:
        return self.kind == "name" and self.text.upper() in words


_END = _Token("end", "<EOF>")


def _malformed(token: _Token) -> Refusal:
    return Refusal(400, "MALFORMED_QUERY", f"unexpected token: '{token.text}'")


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    place, end = 0, len(text.rstrip())

    while place < end:
        match = _TOKEN.match(text, place)

        if match is None or match.lastgroup is None:
            raise _malformed(_Token("rest", text[place:end].strip()[:1]))

        tokens.append(_Token(match.lastgroup, match[match.lastgroup]))
        place = match.end()

    return tokens


class _Parser:
    """Reads tokens from left to right; each method returns what it read or raises Refusal."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0

    def query(self) -> Query:
        self._word("SELECT")
        fields = self._fields()
        self._word("FROM")
        name = self._name()
        where = self._condition() if self._take_word("WHERE") else None
        order = self._order() if self._take_word("ORDER") else ()
        limit = self._whole_number() if self._take_word("LIMIT") else None
        offset = self._whole_number() if self._take_word("OFFSET") else 0

        if self._peek() is not _END:
            raise _malformed(self._peek())

        return Query(
            fields=fields, object=name, where=where, order=order, limit=limit, offset=offset
        )

    def _fields(self) -> tuple[str, ...]:
        if self._peek().is_word("COUNT"):
            self._place += 1
            self._sign("(")
            self._sign(")")
            return ()

        fields = [self._name()]

        while self._take_sign(","):
            fields.append(self._name())

        return tuple(fields)

    def _condition(self) -> Condition:
        parts = [self._negation()]
        word = self._peek().text.upper() if self._peek().is_word("AND", "OR") else None

        while word is not None and self._peek().is_word("AND", "OR"):
            self._word(word)  # the other word is malformed here, as in SOQL
            parts.append(self._negation())

        return parts[0] if word is None else Combined(word=word, parts=tuple(parts))

    def _negation(self) -> Condition:
        if self._take_word("NOT"):
            return Negated(part=self._negation())

        if self._take_sign("("):
            condition = self._condition()
            self._sign(")")
            return condition

        return self._comparison()

    def _comparison(self) -> Condition:
        field = self._name()
        negated = self._take_word("NOT")
        token = self._next()
        operator = token.text.upper()

        if operator not in _OPERATORS or (negated and operator != "IN"):
            raise _malformed(token)

        if operator != "IN":
            return Comparison(field=field, operator=operator, literals=(self._literal(),))

        self._sign("(")
        literals = [self._literal()]

        while self._take_sign(","):
            literals.append(self._literal())

        self._sign(")")
        comparison = Comparison(field=field, operator="IN", literals=tuple(literals))
        return Negated(part=comparison) if negated else comparison

    def _literal(self) -> Literal:
        token = self._next()

        if token.kind == "text":
            inner = token.text[1:-1]
            return Literal(value=unescape(inner), pattern=inner)

        if token.kind == "moment":
            return Literal(value=token.text)

        if token.kind == "number":
            return Literal(value=float(token.text))

        if token.is_word("NULL"):
            return Literal(value=None)

        if token.is_word("TRUE", "FALSE"):
            return Literal(value=token.is_word("TRUE"))

        raise _malformed(token)

    def _order(self) -> tuple[Order, ...]:
        self._word("BY")
        order = [self._order_key()]

        while self._take_sign(","):
            order.append(self._order_key())

        return tuple(order)

    def _order_key(self) -> Order:
        field = self._name()
        descending = self._take_word("DESC")

        if not descending:
            self._take_word("ASC")

        nulls_last = False

        if self._take_word("NULLS"):
            nulls_last = self._take_word("LAST")

            if not nulls_last:
                self._word("FIRST")

        return Order(field=field, descending=descending, nulls_last=nulls_last)

    def _whole_number(self) -> int:
        token = self._next()

        if token.kind != "number" or not token.text.isdecimal():
            raise _malformed(token)

        return int(token.text)

    def _name(self) -> str:
        token = self._next()

        if token.kind != "name":
            raise _malformed(token)

        return token.text

    def _peek(self) -> _Token:
        return self._tokens[self._place] if self._place < len(self._tokens) else _END

    def _next(self) -> _Token:
        token = self._peek()
        self._place += 1
        return token

    def _take_word(self, word: str) -> bool:
        found = self._peek().is_word(word)
        self._place += found
        return found

    def _take_sign(self, sign: str) -> bool:
        found = self._peek() == _Token("sign", sign)
        self._place += found
        return found

    def _word(self, word: str) -> None:
        if not self._take_word(word):
            raise _malformed(self._peek())

    def _sign(self, sign: str) -> None:
        if not self._take_sign(sign):
            raise _malformed(self._peek())


def unescape(text: str) -> str:
    """Return the text that a literal's inside stands for.

    >>> unescape(r"O\\'Hara")
    "O'Hara"
    """
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text, flags=re.DOTALL)


def like(pattern: str, text: str) -> bool:
    r"""Tell whether `text` fits a LIKE pattern (`%` any text, `_` any character), ignoring case.

    >>> like(r"%50\%%", "over 50% off"), like(r"%50\%%", "over 500 off")
    (True, False)
    """
    pieces = re.findall(r"\\.|.", pattern, flags=re.DOTALL)
    wildcards = {"%": ".*", "_": "."}
    regex = "".join(wildcards.get(piece) or re.escape(unescape(piece)) for piece in pieces)
    return re.fullmatch(regex, text, flags=re.DOTALL | re.IGNORECASE) is not None

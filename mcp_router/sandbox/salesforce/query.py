"""Answers to SOQL queries from the records of the embedded Salesforce."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TypeAlias

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.salesforce.answers import Refusal, Scalar
from mcp_router.sandbox.salesforce.schema import (
    OBJECTS,
    FieldKind,
    FieldSpec,
    ObjectSpec,
    find_object,
)
from mcp_router.sandbox.salesforce.soql import (
    Combined,
    Comparison,
    Condition,
    Literal,
    Negated,
    Order,
    Query,
    like,
    parse,
)
from mcp_router.sandbox.salesforce.state import SalesforceState
from mcp_router.sandbox.salesforce.tables import Row

_Comparable: TypeAlias = str | float | datetime | None


def answer_query(state: SalesforceState, text: str, *, version: int) -> JsonValue:
    """Return the body of a query's answer: `totalSize`, `done` and every record at once.

    Raises:
        Refusal: MALFORMED_QUERY, INVALID_TYPE or INVALID_FIELD.
    """
    query = parse(text)
    spec = find_object(query.object)

    if spec is None:
        message = f"sObject type '{query.object}' is not supported."
        raise Refusal(400, "INVALID_TYPE", message)

    _check_names(spec, query)
    candidates = _candidates(state, spec, query.where)
    where = query.where
    rows = [row for row in candidates if where is None or _holds(state, spec, row, where)]

    for key in reversed(query.order):
        rows = _ordered(state, spec, rows, key)

    end = None if query.limit is None else query.offset + query.limit
    rows = rows[query.offset : end]
    records: list[JsonValue] = [_record(state, spec, row, query.fields, version) for row in rows]
    return {"totalSize": len(rows), "done": True, "records": records if query.fields else []}


def reference_to(spec: ObjectSpec, row: Row, version: int) -> JsonValue:
    """Return the `attributes` that open every record."""
    return {
        "type": spec.name,
        "url": f"/services/data/v{version}.0/sobjects/{spec.name}/{row['Id']}",
    }


def _check_names(spec: ObjectSpec, query: Query) -> None:
    for name in query.fields:
        _resolve(spec, name)

    for name in _conditions_fields(query.where):
        if _resolve(spec, name).kind is FieldKind.TEXTAREA:
            message = f"field '{name}' can not be filtered in a query call"
            raise Refusal(400, "INVALID_FIELD", message)

    for key in query.order:
        _resolve(spec, key.field)


def _conditions_fields(condition: Condition | None) -> Iterable[str]:
    match condition:
        case Comparison():
            yield condition.field
        case Combined():
            for part in condition.parts:
                yield from _conditions_fields(part)
        case Negated():
            yield from _conditions_fields(condition.part)
        case None:
            return


def _resolve(spec: ObjectSpec, path: str) -> FieldSpec:
    """Return the field at the end of a path such as `Account.Name`."""
    relationship, _, rest = path.partition(".")

    if rest:
        reference = spec.related(relationship)

        if reference is None:
            message = f"Didn't understand relationship '{relationship}' in field path."
            raise Refusal(400, "INVALID_FIELD", message)

        return _resolve(OBJECTS[reference.refers_to[0]], rest)

    field = spec.field(path)

    if field is None:
        message = (
            f"No such column '{path}' on entity '{spec.name}'. If you are attempting to use a "
            "custom field, be sure to append the '__c' after the custom field name."
        )
        raise Refusal(400, "INVALID_FIELD", message)

    return field


def _candidates(
    state: SalesforceState, spec: ObjectSpec, condition: Condition | None
) -> tuple[Row, ...]:
    """Return the rows worth looking at: one at most where a unique field is asked for."""
    parts = condition.parts if isinstance(condition, Combined) and condition.word == "AND" else ()

    for part in (condition, *parts):
        if not isinstance(part, Comparison) or part.operator != "=":
            continue

        field, value = spec.field(part.field), part.literals[0].value

        if field is not None and field.unique and isinstance(value, str):
            holder = state.holder(spec, field.name, value)
            return (state.record(spec, holder),) if holder else ()

    return state.records(spec)


def _holds(state: SalesforceState, spec: ObjectSpec, row: Row, condition: Condition) -> bool:
    match condition:
        case Comparison():
            value = _value(state, spec, row, condition.field)
            return any(_compares(value, condition.operator, each) for each in condition.literals)
        case Negated():
            return not _holds(state, spec, row, condition.part)
        case Combined():
            fits = (_holds(state, spec, row, part) for part in condition.parts)
            return all(fits) if condition.word == "AND" else any(fits)


def _compares(value: Scalar, sign: str, literal: Literal) -> bool:
    if sign == "LIKE":
        return isinstance(value, str) and like(literal.pattern or "", value)

    left, right = _comparable(value), _comparable(literal.value)

    if sign in ("=", "IN"):
        return left == right

    if sign in ("!=", "<>"):
        return left != right

    order = _order(left, right)
    below, equal = order == -1 and sign.startswith("<"), order == 0 and sign.endswith("=")
    return below or equal or (order == 1 and sign.startswith(">"))


def _order(left: _Comparable, right: _Comparable) -> int | None:
    """Return -1, 0 or 1 as `left` comes before, with or after `right`; None across types."""
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)

    if isinstance(left, float) and isinstance(right, float):
        return (left > right) - (left < right)

    if isinstance(left, datetime) and isinstance(right, datetime):
        return (left > right) - (left < right)

    return None


def _comparable(value: Scalar) -> _Comparable:
    """Return a value that compares as in SOQL: text without case, stamps as moments."""
    if value is None:
        return None

    if not isinstance(value, str):
        return float(value)

    if len(value) >= 19 and value[4] == "-" and value[10] == "T":
        return datetime.fromisoformat(value).astimezone(UTC)

    return value.casefold()


def _value(state: SalesforceState, spec: ObjectSpec, row: Row, path: str) -> Scalar:
    """Return the value at the end of a path, None behind a null reference."""
    relationship, _, rest = path.partition(".")

    if rest:
        reference = spec.related(relationship)
        related = state.referred(row[reference.name]) if reference else None
        return _value(state, *related, rest) if related else None

    return row[_resolve(spec, path).name]


def _ordered(state: SalesforceState, spec: ObjectSpec, rows: list[Row], key: Order) -> list[Row]:
    def sort_key(row: Row) -> str | float:
        value = _comparable(_value(state, spec, row, key.field))
        return value.timestamp() if isinstance(value, datetime) else value or ""

    empty = [row for row in rows if _value(state, spec, row, key.field) is None]
    filled = [row for row in rows if _value(state, spec, row, key.field) is not None]
    filled.sort(key=sort_key, reverse=key.descending)
    return [*filled, *empty] if key.nulls_last else [*empty, *filled]


def _record(
    state: SalesforceState, spec: ObjectSpec, row: Row, paths: Iterable[str], version: int
) -> dict[str, JsonValue]:
    record: dict[str, JsonValue] = {"attributes": reference_to(spec, row, version)}
    nested: dict[str, list[str]] = {}

    for path in paths:
        relationship, _, rest = path.partition(".")

        if rest:
            nested.setdefault(relationship, []).append(rest)
            continue

        name = _resolve(spec, path).name
        record[name] = row[name]

    for relationship, rests in nested.items():
        reference = spec.related(relationship)
        assert reference is not None, "_check_names resolved every path"
        related = state.referred(row[reference.name])
        name = reference.relationship or relationship
        record[name] = _record(state, *related, rests, version) if related else None

    return record

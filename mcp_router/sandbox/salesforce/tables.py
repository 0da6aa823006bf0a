"""The records of the embedded Salesforce, with their unique indexes. Not safe between threads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from mcp_router.desks.salesforce_ids import full_id
from mcp_router.sandbox.salesforce.answers import Refusal, Scalar
from mcp_router.sandbox.salesforce.checks import duplicate, require
from mcp_router.sandbox.salesforce.schema import OBJECTS, FieldKind, ObjectSpec

Row: TypeAlias = Mapping[str, Scalar]
"""One record: every field of its object, by name."""

_POD = "Sb0000"  # the part of an id that names the instance
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(slots=True, kw_only=True)
class Tables:
    """Every record, and for each unique field the record that holds a value.

    Rows are replaced, never changed, so that a copy of the maps is a copy of the database.
    """

    rows: dict[str, dict[str, Row]] = field(default_factory=lambda: {name: {} for name in OBJECTS})
    taken: dict[tuple[str, str, str], str] = field(default_factory=dict)
    last_number: int = 0
    last_of: dict[str, int] = field(default_factory=lambda: {"Case": 1_000})

    def copy(self) -> "Tables":
        """Return the database as it is now, to go back to."""
        return Tables(
            rows={name: dict(rows) for name, rows in self.rows.items()},
            taken=dict(self.taken),
            last_number=self.last_number,
            last_of=dict(self.last_of),
        )

    def insert(self, spec: ObjectSpec, values: Mapping[str, Scalar], now: str) -> str:
        """Store a new record at the time `now` and return its id.

        Raises:
            Refusal: a required field is missing, a unique value taken, a reference dangling.
        """
        defaults = {each.name: each.default for each in spec.fields}
        record: dict[str, Scalar] = {**defaults, **values}
        self._derive(spec, record)
        require(spec, record)
        self._check_references(spec, record)
        self._check_unique(spec, record, own_id=None)

        identifier = self._next_id(spec)
        record |= {"Id": identifier, "CreatedDate": now}
        record |= {"LastModifiedDate": now, "SystemModstamp": now}

        self._number(spec, record)
        self._put(spec, identifier, record)
        return identifier

    def update(
        self, spec: ObjectSpec, identifier: str, values: Mapping[str, Scalar], now: str
    ) -> None:
        """Change the record of that id, which exists, at the time `now`.

        Raises:
            Refusal: as for an insert.
        """
        old = self.rows[spec.name][identifier]
        record: dict[str, Scalar] = {**old, **values}
        record |= {"LastModifiedDate": now, "SystemModstamp": now}
        self._derive(spec, record)
        require(spec, record)
        self._check_references(spec, record)
        self._check_unique(spec, record, own_id=identifier)
        self._forget(spec, old)
        self._put(spec, identifier, record)

    def delete(self, spec: ObjectSpec, identifier: str) -> None:
        """Remove the record of that id, which exists."""
        self._forget(spec, self.rows[spec.name].pop(identifier))

    def holder(self, spec: ObjectSpec, field_name: str, value: str) -> str | None:
        """Return the id of the record that has `value` in a unique field, whatever its case."""
        return self.taken.get((spec.name, field_name, value.casefold()))

    def referred(self, identifier: Scalar) -> tuple[ObjectSpec, Row] | None:
        """Return the record behind a reference, whatever its object, or None."""
        if not isinstance(identifier, str):
            return None

        for spec in OBJECTS.values():
            if identifier in self.rows[spec.name]:
                return spec, self.rows[spec.name][identifier]

        return None

    def _next_id(self, spec: ObjectSpec) -> str:
        self.last_number += 1
        number, digits = self.last_number, ""

        while number:
            number, rest = divmod(number, len(_DIGITS))
            digits = _DIGITS[rest] + digits

        identifier = full_id(f"{spec.prefix}{_POD}{digits.rjust(6, '0')}")
        assert identifier is not None
        return identifier

    def _number(self, spec: ObjectSpec, record: dict[str, Scalar]) -> None:
        """Fill the auto-number of an object that has one."""
        for each in spec.fields:
            if each.numbering is not None:
                self.last_of[spec.name] = self.last_of.get(spec.name, 0) + 1
                record[each.name] = each.numbering.format(self.last_of[spec.name])

    def _derive(self, spec: ObjectSpec, record: dict[str, Scalar]) -> None:
        """Fill the fields that Salesforce computes: a contact's name, the account of a case."""
        if spec.field("LastName"):
            parts = (record["FirstName"], record["LastName"])
            record["Name"] = " ".join(str(part) for part in parts if part)

        if spec.field("CaseNumber") and record["AccountId"] is None:
            contact = self.referred(record["ContactId"])
            record["AccountId"] = contact[1]["AccountId"] if contact else None

    def _check_references(self, spec: ObjectSpec, record: Row) -> None:
        for each in spec.fields:
            dangling = record[each.name] is not None and self.referred(record[each.name]) is None

            if each.kind is FieldKind.REFERENCE and dangling:
                message = f"{each.label}: the record does not exist"
                raise Refusal(400, "INVALID_CROSS_REFERENCE_KEY", message, fields=[each.name])

    def _check_unique(self, spec: ObjectSpec, record: Row, *, own_id: str | None) -> None:
        for each in spec.fields:
            value = record[each.name]

            if not each.unique or not isinstance(value, str):
                continue

            holder = self.holder(spec, each.name, value)

            if holder is not None and holder != own_id:
                raise duplicate(each, holder)

    def _put(self, spec: ObjectSpec, identifier: str, record: Row) -> None:
        self.rows[spec.name][identifier] = record

        for each in spec.fields:
            value = record[each.name]

            if each.unique and isinstance(value, str):
                self.taken[spec.name, each.name, value.casefold()] = identifier

    def _forget(self, spec: ObjectSpec, record: Row) -> None:
        for each in spec.fields:
            value = record[each.name]

            if each.unique and isinstance(value, str):
                self.taken.pop((spec.name, each.name, value.casefold()), None)

"""The objects that the embedded Salesforce knows, with their fields.

A small part of what a real organisation has, under the real names (Salesforce "Object Reference").
`McpTicketId__c`, `McpAction__c` and `Tier__c` stand for what a customer deploys.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class FieldKind(StrEnum):
    """The describe call's name of a field's type."""

    ID = "id"
    STRING = "string"
    TEXTAREA = "textarea"
    PICKLIST = "picklist"
    REFERENCE = "reference"
    EMAIL = "email"
    PHONE = "phone"
    DATE = "date"
    DATETIME = "datetime"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One field. `id_lookup` fields can name a record in an address; unique ones only once.

    `numbering` is the form of an auto-number, to be filled with the next one.
    """

    name: str
    label: str
    kind: FieldKind = FieldKind.STRING
    length: int = 255
    updateable: bool = True
    required: bool = False
    unique: bool = False
    external_id: bool = False
    id_lookup: bool = False
    values: tuple[str, ...] = ()
    default: str | None = None
    refers_to: tuple[str, ...] = ()
    relationship: str | None = None
    numbering: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSpec:
    """One object; the first three characters of its records' ids are `prefix`.

    Changes of its records are effects unless it is `bookkeeping`: a note that another change was
    made, committed with that change.
    """

    name: str
    prefix: str
    fields: tuple[FieldSpec, ...]
    bookkeeping: bool = False

    def field(self, name: str) -> FieldSpec | None:
        """Return the field of that name, whatever its case, as Salesforce does."""
        wanted = name.casefold()
        return next((field for field in self.fields if field.name.casefold() == wanted), None)

    def related(self, relationship: str) -> FieldSpec | None:
        """Return the reference field behind a relationship name such as `Account`."""
        wanted = relationship.casefold()
        return next(
            (
                field
                for field in self.fields
                if field.relationship is not None and field.relationship.casefold() == wanted
            ),
            None,
        )


def _stamp(name: str, label: str) -> FieldSpec:
    return FieldSpec(name=name, label=label, kind=FieldKind.DATETIME, length=0, updateable=False)


_ID = FieldSpec(name="Id", label="Record ID", kind=FieldKind.ID, length=18, updateable=False)
_STAMPS = (
    _stamp("CreatedDate", "Created Date"),
    _stamp("LastModifiedDate", "Last Modified Date"),
    _stamp("SystemModstamp", "System Modstamp"),
)


def _auto_number(name: str, label: str, numbering: str) -> FieldSpec:
    return FieldSpec(name=name, label=label, length=30, updateable=False, numbering=numbering)


def _text(name: str, label: str, length: int, *, required: bool = False) -> FieldSpec:
    return FieldSpec(name=name, label=label, length=length, required=required)


def _phone(name: str, label: str) -> FieldSpec:
    return FieldSpec(name=name, label=label, kind=FieldKind.PHONE, length=40)


def _description(length: int) -> FieldSpec:
    return FieldSpec(
        name="Description", label="Description", kind=FieldKind.TEXTAREA, length=length
    )


def _choice(
    name: str, label: str, values: tuple[str, ...], default: str | None = None
) -> FieldSpec:
    return FieldSpec(
        name=name, label=label, kind=FieldKind.PICKLIST, values=values, default=default
    )


def _reference(name: str, label: str, relationship: str, *refers_to: str) -> FieldSpec:
    return FieldSpec(
        name=name,
        label=label,
        kind=FieldKind.REFERENCE,
        length=18,
        refers_to=refers_to,
        relationship=relationship,
    )


ACCOUNT = ObjectSpec(
    name="Account",
    prefix="001",
    fields=(
        _ID,
        _text("Name", "Account Name", 255, required=True),
        _phone("Phone", "Account Phone"),
        _choice("Tier__c", "Tier", ("Gold", "Silver", "Free")),
        *_STAMPS,
    ),
)

CONTACT = ObjectSpec(
    name="Contact",
    prefix="003",
    fields=(
        _ID,
        _text("FirstName", "First Name", 40),
        _text("LastName", "Last Name", 80, required=True),
        FieldSpec(name="Name", label="Full Name", length=121, updateable=False),
        FieldSpec(name="Email", label="Email", kind=FieldKind.EMAIL, length=80, id_lookup=True),
        _phone("Phone", "Business Phone"),
        _phone("MobilePhone", "Mobile Phone"),
        _reference("AccountId", "Account ID", "Account", "Account"),
        *_STAMPS,
    ),
)

CASE = ObjectSpec(
    name="Case",
    prefix="500",
    fields=(
        _ID,
        _auto_number("CaseNumber", "Case Number", "{:08}"),
        _text("Subject", "Subject", 255),
        _description(32_000),
        _choice("Status", "Status", ("New", "Working", "Escalated", "Closed"), "New"),
        _choice("Priority", "Priority", ("High", "Medium", "Low"), "Medium"),
        _choice("Origin", "Case Origin", ("Phone", "Email", "Web")),
        _reference("ContactId", "Contact ID", "Contact", "Contact"),
        _reference("AccountId", "Account ID", "Account", "Account"),
        FieldSpec(
            name="McpTicketId__c",
            label="MCP Ticket Id",
            unique=True,
            external_id=True,
            id_lookup=True,
        ),
        *_STAMPS,
    ),
)

TASK = ObjectSpec(
    name="Task",
    prefix="00T",
    fields=(
        _ID,
        _text("Subject", "Subject", 255),
        _description(32_000),
        _choice("Status", "Status", ("Not Started", "In Progress", "Completed"), "Not Started"),
        _choice("Priority", "Priority", ("High", "Normal", "Low"), "Normal"),
        FieldSpec(name="ActivityDate", label="Due Date Only", kind=FieldKind.DATE, length=0),
        _reference("WhoId", "Name ID", "Who", "Contact"),
        _reference("WhatId", "Related To ID", "What", "Account", "Case"),
        *_STAMPS,
    ),
)

MCP_ACTION = ObjectSpec(
    name="McpAction__c",
    prefix="a01",
    fields=(
        _ID,
        _auto_number("Name", "Action Number", "MCP-{:08}"),
        FieldSpec(
            name="Key__c",
            label="Key",
            required=True,
            unique=True,
            external_id=True,
            id_lookup=True,
        ),
        _text("Ref__c", "Ref", 18),
        *_STAMPS,
    ),
    bookkeeping=True,
)

OBJECTS: Mapping[str, ObjectSpec] = {
    spec.name: spec for spec in (ACCOUNT, CONTACT, CASE, TASK, MCP_ACTION)
}


def find_object(name: str) -> ObjectSpec | None:
    """Return the object of that name, whatever its case."""
    wanted = name.casefold()
    return next((spec for spec in OBJECTS.values() if spec.name.casefold() == wanted), None)

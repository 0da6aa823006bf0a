"""Salesforce's records: the questions asked and the answers read.

What the customer deploys is in `salesforce_package.py`. `Tier__c` on Account is optional: where it
is missing, customers have no tier.
"""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from simple_salesforce.format import format_soql

from mcp_router.desks.failures import garbled
from mcp_router.desks.salesforce_ids import full_id
from mcp_router.desks.salesforce_package import ACTION_OBJECT, KEY_FIELD, REF_FIELD, TICKET_FIELD
from mcp_router.domain.action import Ref
from mcp_router.domain.ticket import CrmCase, Customer, CustomerQuery

TIER_FIELD = "Tier__c"

_CASE_FIELDS = (
    "Id, CaseNumber, Subject, Description, Status, Priority, LastModifiedDate, SystemModstamp, "
    f"{TICKET_FIELD}"
)
_FEWEST_DIGITS, _MOST_DIGITS = 6, 9  # of a phone number without country and trunk prefix

AnswerT = TypeVar("AnswerT")


def _checked_id(text: str) -> str:
    identifier = full_id(text)

    if identifier is None:
        raise ValueError("not a record id")

    return identifier


def _checked_time(text: str) -> str:
    datetime.fromisoformat(text)  # a ValueError is the caller's: pydantic's
    return text


RecordId = Annotated[str, AfterValidator(_checked_id)]
Stamp = Annotated[str, AfterValidator(_checked_time)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class CaseRecord(_Answer):
    """A case, as far as the router knows it."""

    id: RecordId = Field(alias="Id")
    number: str | None = Field(alias="CaseNumber")
    subject: str | None = Field(alias="Subject")
    description: str | None = Field(alias="Description")
    status: str | None = Field(alias="Status")
    priority: str | None = Field(alias="Priority")
    modified: Stamp = Field(alias="LastModifiedDate")
    stamp: Stamp = Field(alias="SystemModstamp")
    ticket: str | None = Field(alias="McpTicketId__c")


class _AccountRecord(_Answer):
    name: str | None = Field(alias="Name")
    tier: str | None = Field(alias="Tier__c", default=None)


class _ContactRecord(_Answer):
    id: RecordId = Field(alias="Id")
    name: str | None = Field(alias="Name")
    email: str | None = Field(alias="Email")
    phone: str | None = Field(alias="Phone")
    mobile: str | None = Field(alias="MobilePhone")
    account: _AccountRecord | None = Field(alias="Account")


class _IdRecord(_Answer):
    id: RecordId = Field(alias="Id")


class _ActionRecord(_Answer):
    key: str = Field(alias="Key__c")
    ref: RecordId = Field(alias="Ref__c")


class _Actions(_Answer):
    records: list[_ActionRecord]


class _Cases(_Answer):
    records: list[CaseRecord]


class _Contacts(_Answer):
    records: list[_ContactRecord]


class _Ids(_Answer):
    records: list[_IdRecord]


class _Allowance(_Answer):
    most: int = Field(alias="Max")
    left: int = Field(alias="Remaining")


class _Limits(_Answer):
    requests: _Allowance = Field(alias="DailyApiRequests")


def case_query(ticket: str) -> str:
    """Return the SOQL for the case that mirrors a ticket."""
    return format_soql(
        "SELECT {fields:literal} FROM Case WHERE {field:literal} = {ticket} LIMIT 1",
        fields=_CASE_FIELDS,
        field=TICKET_FIELD,
        ticket=ticket,
    )


def action_query(marker: str) -> str:
    """Return the SOQL for the record of the action with that marker."""
    return format_soql(
        "SELECT {key:literal}, {ref:literal} FROM {object:literal} WHERE {key:literal} = {marker} "
        "LIMIT 1",
        key=KEY_FIELD,
        ref=REF_FIELD,
        object=ACTION_OBJECT,
        marker=marker,
    )


def contact_query(email: str) -> str:
    """Return the SOQL for the contact with that address, the oldest if several have it."""
    return format_soql(
        "SELECT Id FROM Contact WHERE Email = {} ORDER BY CreatedDate ASC, Id ASC LIMIT 1", email
    )


def customer_query(query: CustomerQuery, *, limit: int, tier: bool) -> str | None:
    """Return the SOQL for the contacts who fit all that `query` names, or None if nobody can.

    A phone fits by its last digits, however it is punctuated; a name by any part of it.
    """
    conditions: list[str] = []

    if query.email is not None:
        conditions.append(format_soql("Email = {}", query.email))

    if query.name is not None:
        conditions.append(format_soql("Name LIKE '%{:like}%'", query.name))

    if query.phone is not None:
        digits = _last_digits(query.phone)

        if len(digits) < _FEWEST_DIGITS:
            return None

        pattern = "%" + "%".join(digits)
        conditions.append(f"(Phone LIKE '{pattern}' OR MobilePhone LIKE '{pattern}')")

    if not conditions:
        return None

    fields = "Id, Name, Email, Phone, MobilePhone, Account.Name"
    fields += f", Account.{TIER_FIELD}" if tier else ""
    return format_soql(
        "SELECT {fields:literal} FROM Contact WHERE {where:literal} "
        "ORDER BY Name ASC, Id ASC LIMIT {limit}",
        fields=fields,
        where=" AND ".join(conditions),
        limit=limit,
    )


def case_in(answer: object, ticket: str) -> CaseRecord | None:
    """Return the case in the answer to `case_query`, or None.

    SOQL and the unique index ignore case, tickets do not: another ticket's case is not ours.

    Raises:
        SendFailed: the answer is not what the API promises.
    """
    records = _read(TypeAdapter(_Cases), answer).records
    return next((record for record in records if record.ticket == ticket), None)


def written_by(answer: object, marker: str) -> str | None:
    """Return the id of the case that an action wrote, from the answer to `action_query`, or None.

    Raises:
        SendFailed: as `case_in`; so too if the record does not say what was written.
    """
    records = _read(TypeAdapter(_Actions), answer).records
    return next((record.ref for record in records if record.key == marker), None)


def contact_in(answer: object) -> str | None:
    """Return the id in the answer to `contact_query`; raises SendFailed as `case_in`."""
    records = _read(TypeAdapter(_Ids), answer).records
    return records[0].id if records else None


def customers_in(answer: object, query: CustomerQuery, target: str) -> tuple[Customer, ...]:
    """Return the people in the answer to `customer_query`; raises SendFailed as `case_in`."""
    records = _read(TypeAdapter(_Contacts), answer).records
    return tuple(_customer(record, target) for record in records if _has_phone(record, query.phone))


def allowance_in(answer: object) -> tuple[int, int]:
    """Return the API requests left today and their maximum; raises SendFailed as `case_in`."""
    requests = _read(TypeAdapter(_Limits), answer).requests
    return requests.left, requests.most


def crm_case(record: CaseRecord, instance_url: str) -> CrmCase:
    """Return a case in the router's words."""
    return CrmCase(
        id=record.id,
        url=case_url(instance_url, record.id),
        number=record.number,
        subject=record.subject or "",
        description=record.description or "",
        status=record.status or "",
        priority=record.priority,
        external_id=record.ticket,
        updated_at=record.modified,
    )


def case_ref(instance_url: str, identifier: str) -> Ref:
    """Return what a write of that case made."""
    return Ref(id=identifier, url=case_url(instance_url, identifier))


def case_url(instance_url: str, identifier: str) -> str:
    """Return where a person finds the case in Lightning Experience."""
    return f"{instance_url}/lightning/r/Case/{identifier}/view"


def http_date(stamp: str) -> str:
    """Return a record's stamp for `If-Unmodified-Since`, never before the stamp itself.

    >>> http_date("2026-11-20T12:00:00.000+0000")
    'Fri, 20 Nov 2026 12:00:00 GMT'
    """
    moment = datetime.fromisoformat(stamp)

    if moment.microsecond:
        moment = moment.replace(microsecond=0) + timedelta(seconds=1)

    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _read(shape: TypeAdapter[AnswerT], answer: object) -> AnswerT:
    try:
        return shape.validate_python(answer)
    except ValidationError:
        raise garbled() from None


def _customer(record: _ContactRecord, target: str) -> Customer:
    account = record.account
    return Customer(
        id=record.id,
        target=target,
        name=record.name,
        email=record.email,
        phone=record.phone or record.mobile,
        account=account.name if account else None,
        tier=account.tier if account else None,
    )


def _has_phone(record: _ContactRecord, phone: str | None) -> bool:
    """Tell whether a number ends with the wanted digits: the pattern also lets others between."""
    if phone is None:
        return True

    numbers = (record.phone, record.mobile)
    return any(_digits(number).endswith(_last_digits(phone)) for number in numbers if number)


def _last_digits(phone: str) -> str:
    return _digits(phone)[-_MOST_DIGITS:]


def _digits(phone: str) -> str:
    return re.sub(r"[^0-9]", "", phone)

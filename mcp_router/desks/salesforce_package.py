"""What the customer deploys to Salesforce so that no write can happen twice.

`examples/salesforce/` holds it as metadata, with a permission set:

- `McpTicketId__c` on Case: the ticket that the case mirrors. Unique: one ticket, one case.
- The object `McpAction__c`, one record for each write that was applied: `Key__c`, the marker of the
  action, unique; and `Ref__c`, the id of the case that the action wrote.

What a unique field keeps out: "Custom Field Attributes" in Salesforce's help (Unique). What a
description tells (`unique`, `length`, `createable`, `updateable`; nothing of what the user may not
see): "sObject Describe" of the REST API Developer Guide and DescribeSObjectResult of the SOAP API
Developer Guide, developer.salesforce.com.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from mcp_router.desks.failures import garbled

CASE_OBJECT = "Case"
TICKET_FIELD = "McpTicketId__c"
ACTION_OBJECT = "McpAction__c"
KEY_FIELD = "Key__c"
REF_FIELD = "Ref__c"
PERMISSION_SET = "McpRouter"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextField:
    """A field of type Text(`length`) that the router writes."""

    object: str
    name: str
    length: int
    unique: bool = False
    required: bool = False

    @property
    def path(self) -> str:
        """The name as a query or a permission set gives it: `Case.McpTicketId__c`."""
        return f"{self.object}.{self.name}"


FIELDS = (
    TextField(object=CASE_OBJECT, name=TICKET_FIELD, length=255, unique=True),
    TextField(object=ACTION_OBJECT, name=KEY_FIELD, length=255, unique=True, required=True),
    TextField(object=ACTION_OBJECT, name=REF_FIELD, length=18),
)
"""Everything that has to be there; the unique ones are External IDs as well, to be found fast."""

OBJECTS = tuple(dict.fromkeys(field.object for field in FIELDS))
"""The objects whose descriptions `missing_in` wants to see."""


class _Described(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class _Field(_Described):
    name: str
    unique: bool
    length: int
    createable: bool
    updateable: bool


class _Object(_Described):
    createable: bool
    updateable: bool
    queryable: bool
    fields: list[_Field]


def missing_in(descriptions: Mapping[str, object]) -> tuple[str, ...]:
    """Return what the router lacks, each in a few words; nothing when all is in place.

    `descriptions` has the answer to a describe call for each of `OBJECTS`, None where Salesforce
    knows no such object for us.

    Raises:
        SendFailed: a description is not what the API promises.
    """
    found = {name: _read(described) for name, described in descriptions.items()}
    lacks = [lack for name in OBJECTS if (lack := _object_lack(name, found[name]))]
    fields = (_field_lack(field, found[field.object]) for field in FIELDS)
    return (*lacks, *(lack for lack in fields if lack))


def _read(described: object) -> _Object | None:
    try:
        return TypeAdapter(_Object | None).validate_python(described)
    except ValidationError:
        raise garbled() from None


def _object_lack(name: str, described: _Object | None) -> str | None:
    if described is None:
        return f"{name} is missing or hidden from the router's user"

    if not (described.createable and described.updateable and described.queryable):
        return f"{name} may not be read, created and edited by the router's user"

    return None


def _field_lack(field: TextField, described: _Object | None) -> str | None:
    if described is None:
        return None  # said of the object

    there = next((one for one in described.fields if one.name == field.name), None)

    if there is None:
        return f"{field.path} is missing or hidden from the router's user"

    if field.unique and not there.unique:
        return f"{field.path} is not unique"

    if there.length < field.length:
        return f"{field.path} is shorter than {field.length} characters"

    if not (there.createable and there.updateable):
        return f"{field.path} may not be edited by the router's user"

    return None

"""The values that a record may take: what Salesforce refuses, refused with its error codes.

Codes and shapes follow "Status Codes and Error Responses" of the REST API Developer Guide; the
sentences are the sandbox's own except where a client reads them (DUPLICATE_VALUE).
"""

from collections.abc import Mapping

from mcp_router.canonical import JsonValue
from mcp_router.desks.salesforce_ids import full_id
from mcp_router.sandbox.salesforce.answers import Refusal, Scalar
from mcp_router.sandbox.salesforce.schema import OBJECTS, FieldKind, FieldSpec, ObjectSpec


def writable_values(spec: ObjectSpec, body: JsonValue) -> dict[str, Scalar]:
    """Return the fields of a request body under their real names, each value checked by itself.

    Raises:
        Refusal: the body is no object, names a field that does not exist or cannot be written, or
            gives one a value that it cannot hold.
    """
    if not isinstance(body, Mapping):
        raise Refusal(400, "JSON_PARSER_ERROR", "The request body is not a JSON object")

    values: dict[str, Scalar] = {}

    for name, value in body.items():
        if name == "attributes":
            continue

        field = spec.field(name)

        if field is None:
            message = f"No such column '{name}' on sobject of type {spec.name}"
            raise Refusal(400, "INVALID_FIELD", message)

        values[field.name] = _checked(field, value)

    _refuse_read_only(spec, values)
    return values


def require(spec: ObjectSpec, record: Mapping[str, Scalar]) -> None:
    """Check that a whole record has every required field.

    Raises:
        Refusal: at least one is missing; all of them are named.
    """
    missing = [field.name for field in spec.fields if field.required and not record[field.name]]

    if missing:
        message = f"Required fields are missing: [{', '.join(missing)}]"
        raise Refusal(400, "REQUIRED_FIELD_MISSING", message, fields=missing)


def duplicate(field: FieldSpec, existing_id: str) -> Refusal:
    """Return the refusal of a second record with the same unique value.

    The sentence is Salesforce's own, with the 15-character id, because clients take the id from it.
    """
    message = (
        f"duplicate value found: {field.name} duplicates value on record with id: "
        f"{existing_id[:15]}"
    )
    return Refusal(400, "DUPLICATE_VALUE", message, fields=[])


def _refuse_read_only(spec: ObjectSpec, values: Mapping[str, Scalar]) -> None:
    fixed = [field.name for field in spec.fields if field.name in values and not field.updateable]

    if fixed:
        message = f"Unable to create/update fields: {', '.join(fixed)}"
        raise Refusal(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message, fields=fixed)


def _checked(field: FieldSpec, value: JsonValue) -> Scalar:
    if value is None or value == "":  # Salesforce stores empty text as null
        return None

    if not isinstance(value, str):
        message = f"Cannot deserialize the value of field {field.name}"
        raise Refusal(400, "JSON_PARSER_ERROR", message)

    if field.kind is FieldKind.REFERENCE:
        return _checked_reference(field, value)

    if field.kind is FieldKind.PICKLIST and value not in field.values:
        message = f"{field.label}: bad value for restricted picklist field"
        raise Refusal(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, fields=[field.name])

    if field.kind is FieldKind.EMAIL and "@" not in value:
        message = f"{field.label}: invalid email address"
        raise Refusal(400, "INVALID_EMAIL_ADDRESS", message, fields=[field.name])

    if field.length and len(value) > field.length:
        message = f"{field.label}: data value too large (max length={field.length})"
        raise Refusal(400, "STRING_TOO_LONG", message, fields=[field.name])

    return value


def _checked_reference(field: FieldSpec, value: str) -> str:
    identifier = full_id(value)

    if identifier is None or identifier[:3] not in {OBJECTS[n].prefix for n in field.refers_to}:
        message = f"{field.label}: id value of incorrect type"
        raise Refusal(400, "MALFORMED_ID", message, fields=[field.name])

    return identifier

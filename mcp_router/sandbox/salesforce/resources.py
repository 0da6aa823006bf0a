"""The REST resources of the embedded Salesforce: records, descriptions, queries, limits."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.salesforce.answers import (
    Answer,
    ApiCall,
    Change,
    Refusal,
    not_found,
    wrong_method,
)
from mcp_router.sandbox.salesforce.query import answer_query, reference_to
from mcp_router.sandbox.salesforce.schema import OBJECTS, FieldSpec, ObjectSpec, find_object
from mcp_router.sandbox.salesforce.state import SalesforceState
from mcp_router.sandbox.salesforce.tables import Row

UPSERT_BODY_SINCE = 46
"""From this API version on, an upsert that updates answers 200 with a body instead of 204."""


def serve(state: SalesforceState, call: ApiCall) -> Answer:
    """Answer one call to any resource but `composite`.

    Raises:
        Refusal: the call is answered with an error and changed nothing.
    """
    match call.path:
        case ("query",):
            return _query(state, call)
        case ("limits",):
            return _limits(state, call)
        case ("sobjects",):
            return _objects(call)
        case ("sobjects", name):
            return _collection(state, call, _object(name))
        case ("sobjects", name, "describe"):
            return _description(call, _object(name))
        case ("sobjects", name, identifier):
            return _row(state, call, _object(name), identifier)
        case ("sobjects", name, field, value):
            return _row_by_field(state, call, _object(name), field, value)
        case _:
            raise not_found()


def _object(name: str) -> ObjectSpec:
    spec = find_object(name)

    if spec is None:
        raise not_found()

    return spec


def _only(call: ApiCall, *methods: str) -> None:
    if call.method not in methods:
        raise wrong_method(call.method, ", ".join(methods))


def _query(state: SalesforceState, call: ApiCall) -> Answer:
    _only(call, "GET")
    text = call.query.get("q")

    if not text:
        raise Refusal(400, "MALFORMED_QUERY", "A query string has to be specified")

    return Answer(status=200, body=answer_query(state, text, version=call.version))


def _limits(state: SalesforceState, call: ApiCall) -> Answer:
    _only(call, "GET")
    used, allowed = state.usage()
    return Answer(
        status=200, body={"DailyApiRequests": {"Max": allowed, "Remaining": allowed - used}}
    )


def _objects(call: ApiCall) -> Answer:
    _only(call, "GET")
    objects: list[JsonValue] = [_summary(spec, call.version) for spec in OBJECTS.values()]
    return Answer(status=200, body={"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects})


def _summary(spec: ObjectSpec, version: int) -> dict[str, JsonValue]:
    address = f"/services/data/v{version}.0/sobjects/{spec.name}"
    return {
        "name": spec.name,
        "label": spec.name,
        "keyPrefix": spec.prefix,
        "createable": True,
        "updateable": True,
        "deletable": True,
        "queryable": True,
        "custom": spec.name.endswith("__c"),
        "urls": {"sobject": address, "describe": f"{address}/describe"},
    }


def _description(call: ApiCall, spec: ObjectSpec) -> Answer:
    _only(call, "GET")
    fields: list[JsonValue] = [_describe(field) for field in spec.fields]
    return Answer(status=200, body={**_summary(spec, call.version), "fields": fields})


def _describe(field: FieldSpec) -> JsonValue:
    choices: list[JsonValue] = [
        {"value": value, "label": value, "active": True, "defaultValue": value == field.default}
        for value in field.values
    ]
    return {
        "name": field.name,
        "label": field.label,
        "type": field.kind.value,
        "length": field.length,
        "createable": field.updateable,
        "updateable": field.updateable,
        "nillable": not field.required,
        "unique": field.unique,
        "externalId": field.external_id,
        "idLookup": field.id_lookup or field.name == "Id",
        "custom": field.name.endswith("__c"),
        "picklistValues": choices,
        "referenceTo": list(field.refers_to),
        "relationshipName": field.relationship,
    }


def _collection(state: SalesforceState, call: ApiCall, spec: ObjectSpec) -> Answer:
    _only(call, "GET", "POST")

    if call.method == "GET":
        return Answer(status=200, body={"objectDescribe": _summary(spec, call.version)})

    return _inserted(spec, state.insert(spec, call.body), call.version)


def _inserted(spec: ObjectSpec, identifier: str, version: int) -> Answer:
    return Answer(
        status=201,
        body={"id": identifier, "success": True, "errors": []},
        headers={"Location": f"/services/data/v{version}.0/sobjects/{spec.name}/{identifier}"},
        changes=_changes(spec, identifier),
    )


def _row(state: SalesforceState, call: ApiCall, spec: ObjectSpec, identifier: str) -> Answer:
    _only(call, "GET", "PATCH", "DELETE")
    row = state.record(spec, identifier)
    row_id = str(row["Id"])

    if call.method == "GET":
        return Answer(status=200, body=_whole(spec, row, call))

    if call.method == "DELETE":
        state.delete(spec, row_id)
        return Answer(status=204, changes=_changes(spec, row_id, "_delete"))

    if _changed_since(row, call.headers):
        return Answer(status=412)

    state.update(spec, row_id, call.body)
    return Answer(status=204, changes=_changes(spec, row_id, "_update"))


def _changes(spec: ObjectSpec, row_id: str, what: str = "") -> tuple[Change, ...]:
    """Return the effect of a change, none where it is a note about another one."""
    return () if spec.bookkeeping else (Change(kind=f"{spec.name.lower()}{what}", ref=row_id),)


def _row_by_field(
    state: SalesforceState, call: ApiCall, spec: ObjectSpec, field_name: str, value: str
) -> Answer:
    _only(call, "GET", "PATCH")
    field = spec.field(field_name)

    if field is None or not field.id_lookup:
        message = f"Provided external ID field does not exist or is not accessible: {field_name}"
        raise Refusal(404, "NOT_FOUND", message)

    found = [
        row
        for row in state.records(spec)
        if str(row[field.name] or "").casefold() == value.casefold()
    ]

    if len(found) > 1:
        return Answer(status=300, body=[_address(spec, row, call.version) for row in found])

    if call.method == "GET":
        if not found:
            raise not_found()

        return Answer(status=200, body=_whole(spec, found[0], call))

    return _upsert(state, call, spec, {field.name: value}, found)


def _upsert(
    state: SalesforceState,
    call: ApiCall,
    spec: ObjectSpec,
    key: Mapping[str, str],
    found: list[Row],
) -> Answer:
    if not isinstance(call.body, Mapping):
        raise Refusal(400, "JSON_PARSER_ERROR", "The request body is not a JSON object")

    if not found:
        identifier = state.insert(spec, {**call.body, **key})
        created = _inserted(spec, identifier, call.version)
        body: JsonValue = {"id": identifier, "success": True, "errors": [], "created": True}
        return Answer(status=201, body=body, headers=created.headers, changes=created.changes)

    row_id = str(found[0]["Id"])
    state.update(spec, row_id, call.body)
    changes = _changes(spec, row_id, "_update")

    if call.version < UPSERT_BODY_SINCE:
        return Answer(status=204, changes=changes)

    body = {"id": row_id, "success": True, "errors": [], "created": False}
    return Answer(status=200, body=body, changes=changes)


def _address(spec: ObjectSpec, row: Row, version: int) -> str:
    return f"/services/data/v{version}.0/sobjects/{spec.name}/{row['Id']}"


def _whole(spec: ObjectSpec, row: Row, call: ApiCall) -> JsonValue:
    wanted = call.query.get("fields")
    names = wanted.split(",") if wanted else [field.name for field in spec.fields]
    record: dict[str, JsonValue] = {"attributes": reference_to(spec, row, call.version)}

    for name in names:
        field = spec.field(name.strip())

        if field is None:
            message = f"No such column '{name}' on sobject of type {spec.name}"
            raise Refusal(400, "INVALID_FIELD", message)

        record[field.name] = row[field.name]

    return record


def _changed_since(row: Row, headers: Mapping[str, str]) -> bool:
    """Tell whether `If-Unmodified-Since` forbids a change ("Conditional Request Headers")."""
    given = headers.get("if-unmodified-since")

    if given is None:
        return False

    try:
        limit = parsedate_to_datetime(given)
    except ValueError:
        raise Refusal(400, "INVALID_HEADER", "If-Unmodified-Since is not an HTTP date") from None

    return datetime.fromisoformat(str(row["LastModifiedDate"])) > limit

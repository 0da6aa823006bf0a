"""The one request that writes a case: the case and the record of the action, both or neither.

Facts from the REST API Developer Guide (developer.salesforce.com), none tried on a live
organisation:

- "Send Multiple Requests Using Composite", "Composite Request Body": with `allOrNone` one failing
  subrequest rolls the whole request back; the answer is 200 all the same. The whole counts as one
  call. `@{reference.field}` in a later url or body stands for a field of an earlier answer.
  Subrequests of one kind may be collated and then lose their order, by default since version 49,
  so `collateSubrequests` is turned off. `httpHeaders` may be any that the resource supports.
- "Composite Subrequest Result": after a rollback every subrequest answers an error; those that are
  not at fault answer 400 with `PROCESSING_HALTED`.
- "Conditional Request Headers": `If-Unmodified-Since` on a PATCH of a record, 412 if it was changed
  later. That a 412 rolls the whole back follows from "returns an error" and is not said in as many
  words: where it did not, an update whose answer was lost would be found though it was refused.

The record of the action comes first. A repeated write therefore fails on `Key__c`, whatever became
of the case since, and a failure of the case proves that no earlier send of this action committed.
"""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from mcp_router.canonical import JsonValue
from mcp_router.desks.failures import garbled
from mcp_router.desks.salesforce_failures import (
    ApiError,
    duplicated_field,
    errors_in,
    named_code,
    refusal,
    refused,
)
from mcp_router.desks.salesforce_ids import full_id
from mcp_router.desks.salesforce_package import (
    ACTION_OBJECT,
    CASE_OBJECT,
    KEY_FIELD,
    REF_FIELD,
    TICKET_FIELD,
)
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import SendFailed

_ACTION, _CASE, _REF = "action", "case", "ref"  # what the subrequests are called
_HALTED = "PROCESSING_HALTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseInsert:
    """A new case, and the action that makes it."""

    marker: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseUpdate:
    """New values for a case unless it was changed after `unmodified_since`, an HTTP date."""

    marker: str
    fields: dict[str, str]
    case_id: str
    unmodified_since: str


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    referenceId: str  # these names are Salesforce's
    httpStatusCode: int
    body: object


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    compositeResponse: list[_Result]


class _Inserted(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    id: str
    success: bool
    errors: list[object]


def composite_body(write: CaseInsert | CaseUpdate, *, version: str) -> JsonValue:
    """Return the body for `POST /composite` that applies `write` as a whole or not at all."""
    path = f"/services/data/v{version}/sobjects"
    action = {KEY_FIELD: write.marker}
    fields = {name: _literal(text) for name, text in write.fields.items()}
    parts: list[JsonValue]

    if isinstance(write, CaseUpdate):
        parts = [
            _part(_ACTION, "POST", f"{path}/{ACTION_OBJECT}", {**action, REF_FIELD: write.case_id}),
            {
                **_part(_CASE, "PATCH", f"{path}/{CASE_OBJECT}/{write.case_id}", fields),
                "httpHeaders": {"If-Unmodified-Since": write.unmodified_since},
            },
        ]
    else:
        new = {REF_FIELD: f"@{{{_CASE}.id}}"}
        parts = [
            _part(_ACTION, "POST", f"{path}/{ACTION_OBJECT}", action),
            _part(_CASE, "POST", f"{path}/{CASE_OBJECT}", fields),
            _part(_REF, "PATCH", f"{path}/{ACTION_OBJECT}/@{{{_ACTION}.id}}", new),
        ]

    return {"allOrNone": True, "collateSubrequests": False, "compositeRequest": parts}


def written_case(answer: object, write: CaseInsert | CaseUpdate) -> str:
    """Return the id of the case that `write` made or changed, from the answer with status 200.

    Raises:
        SendFailed: `EXISTS`, `NOT_APPLIED`: an action with this marker is there already (or under
            way); ask for it. `CHANGED`, `NOT_APPLIED`: the case was changed after it was read, or
            another one of this ticket appeared, and no send of this marker was applied so far.
            `UNAUTHORIZED`, `NOT_APPLIED`: Salesforce does not take the record of the action, which
            is for the operator to put right. Else what `refusal` says of the subrequest at fault;
            `GARBLED`, `UNKNOWN` when the answer is neither done as a whole nor undone as a whole.
    """
    created = {_ACTION, _CASE} if isinstance(write, CaseInsert) else {_ACTION}
    wanted = (_ACTION, _CASE, _REF) if isinstance(write, CaseInsert) else (_ACTION, _CASE)
    results = _results(answer)

    if sorted(results) != sorted(wanted):
        raise garbled(200)

    if all(result.httpStatusCode < 300 for result in results.values()):
        made = {name: _done(results[name], created=name in created) for name in wanted}
        return write.case_id if isinstance(write, CaseUpdate) else made[_CASE]

    raise _undone([results[name] for name in wanted])


def _literal(text: str) -> str:
    """Return text in which Salesforce finds no reference.

    It looks for `@{...}` in every value, and documents no way to escape one. A customer's words
    must neither name an id nor make the request fail, so the brace becomes a parenthesis.

    >>> _literal("mail me @{home}")
    'mail me @(home}'
    """
    return text.replace("@{", "@(")


def _part(reference: str, method: str, url: str, body: dict[str, str]) -> dict[str, JsonValue]:
    return {"referenceId": reference, "method": method, "url": url, "body": dict(body)}


def _results(answer: object) -> dict[str, _Result]:
    try:
        listed = _Answer.model_validate(answer).compositeResponse
    except ValidationError:
        raise garbled(200) from None

    results = {result.referenceId: result for result in listed}

    if len(results) < len(listed):
        raise garbled(200)

    return results


def _done(result: _Result, *, created: bool) -> str:
    """Return the id of what a subrequest made, nothing for one that changed what was there."""
    if not created:
        if (result.httpStatusCode, result.body) != (204, None):
            raise garbled(200)

        return ""

    try:
        inserted = _Inserted.model_validate(result.body)
    except ValidationError:
        raise garbled(200) from None

    identifier = full_id(inserted.id)

    if result.httpStatusCode != 201 or not inserted.success or inserted.errors or not identifier:
        raise garbled(200)

    return identifier


def _undone(results: list[_Result]) -> SendFailed:
    """Return why the request was rolled back: the first subrequest that was not merely halted."""
    if any(result.referenceId == _CASE and result.httpStatusCode == 412 for result in results):
        return refusal(412, ())  # the case was not written, whatever became of the rest

    if any(result.httpStatusCode < 400 for result in results):
        return garbled(200)  # half of it was done, which the API rules out

    for result in results:
        errors = errors_in(result.body)

        if not errors:
            break

        if all(error.errorCode == _HALTED for error in errors):
            continue

        if result.referenceId == _CASE:
            return _case_refusal(result, errors)

        return _action_refusal(result, errors)

    return garbled(200)


def _case_refusal(result: _Result, errors: tuple[ApiError, ...]) -> SendFailed:
    failure = refusal(result.httpStatusCode, errors)

    if duplicated_field(errors) in (TICKET_FIELD, ""):
        # Somebody else's insert, not ours repeated: that one would have met Key__c before.
        return refused(failure.status, Reason.CHANGED, "Another case of this ticket was created.")

    return failure


def _action_refusal(result: _Result, errors: tuple[ApiError, ...]) -> SendFailed:
    failure = refusal(result.httpStatusCode, errors)

    if duplicated_field(errors) in (KEY_FIELD, ""):
        return refused(failure.status, Reason.EXISTS, failure.message)

    if failure.evidence is not Evidence.NOT_APPLIED:
        return failure

    if failure.reason in (Reason.QUOTA, Reason.RATE_LIMITED):
        return failure

    return refused(
        failure.status,
        Reason.UNAUTHORIZED,  # nothing in it is the call's, so the operator has to look
        f"Salesforce does not take a record of {ACTION_OBJECT} ({named_code(errors)}); "
        "see `doctor`.",
    )

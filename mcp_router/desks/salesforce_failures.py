"""What an error of Salesforce's REST API proves about the effect of the request.

Codes and statuses: "Status Codes and Error Responses" and "Core Data Types Used in API Calls:
StatusCode" of Salesforce's developer guides. An error body is an array of `message`, `errorCode`
and, sometimes, `fields`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import BaseModel, TypeAdapter, ValidationError
from simple_salesforce.exceptions import SalesforceError

from mcp_router.desks.failures import classify_status
from mcp_router.desks.salesforce_ids import full_id
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import SendFailed

_CODE = re.compile(r"[A-Z][A-Z_]{2,60}")
_DUPLICATE = re.compile(r"duplicate value found: (\S+) duplicates value on record with id: (\S+)")
_UNNAMED = "<unknown>"  # field and id of a duplicate that another transaction has not committed

_REASONS = {
    "REQUEST_LIMIT_EXCEEDED": Reason.QUOTA,
    # The transaction waited for a record that another one holds, gave up and was rolled back: the
    # same request may succeed later, which is what this reason tells the chain.
    "UNABLE_TO_LOCK_ROW": Reason.RATE_LIMITED,
}


class _ApiError(BaseModel):
    """One element of an error body."""

    message: str = ""
    errorCode: str = ""  # Salesforce's own spelling


_ERRORS = TypeAdapter(tuple[_ApiError, ...])


def names_field(error: SalesforceError, field: str) -> bool:
    """Tell whether an answer refuses a query because that field does not exist for us."""
    return any(
        one.errorCode == "INVALID_FIELD" and f"'{field}'" in one.message for one in _errors(error)
    )


def classify_error(error: SalesforceError, *, unique_field: str) -> SendFailed:
    """Return what an answer with an error status says about the effect of the request.

    A duplicate of `unique_field` is `EXISTS`, with the id of the record that has the value in
    `existing_ref` where Salesforce names it. The message holds Salesforce's code, never a value.
    """
    errors = _errors(error)
    failure = classify_status(error.status)

    if error.status == 412:
        return _refused(error.status, Reason.CHANGED, "The record was changed after it was read.")

    if not errors or failure.evidence is not Evidence.NOT_APPLIED:
        return failure

    code = errors[0].errorCode if _CODE.fullmatch(errors[0].errorCode) else "unnamed"
    message = f"Salesforce refused the request: {code}."

    if code == "DUPLICATE_VALUE":
        return _duplicate(error.status, errors[0].message, message, unique_field)

    return _refused(error.status, _REASONS.get(code, failure.reason), message)


@contextmanager
def nothing_sent() -> Iterator[None]:
    """Mark failures of the block as `NOT_APPLIED`: it only asks, and the write comes after it.

    Raises:
        SendFailed: what the block raised, with that evidence.
    """
    try:
        yield
    except SendFailed as failure:
        raise SendFailed(
            failure.message,
            evidence=Evidence.NOT_APPLIED,
            reason=failure.reason,
            status=failure.status,
            retry_after_s=failure.retry_after_s,
        ) from None


def _errors(error: SalesforceError) -> tuple[_ApiError, ...]:
    """Return the errors in the body of an answer, none if the body is anything else."""
    try:
        return _ERRORS.validate_python(error.content)
    except ValidationError:
        return ()


def _duplicate(status: int, vendor_message: str, message: str, unique_field: str) -> SendFailed:
    named = _DUPLICATE.search(vendor_message)

    if named is not None and named[1] not in (unique_field, _UNNAMED):
        return _refused(status, Reason.REJECTED, message)  # some other field of the customer's

    existing = full_id(named[2]) if named else None
    return _refused(status, Reason.EXISTS, message, existing_ref=existing)


def _refused(
    status: int, reason: Reason, message: str, *, existing_ref: str | None = None
) -> SendFailed:
    return SendFailed(
        message,
        evidence=Evidence.NOT_APPLIED,
        reason=reason,
        status=status,
        existing_ref=existing_ref,
    )

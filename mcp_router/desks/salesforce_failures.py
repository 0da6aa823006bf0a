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

from mcp_router.desks.failures import before_write, classify_status
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import SendFailed

_CODE = re.compile(r"[A-Z][A-Z_]{2,60}")
_DUPLICATE = re.compile(r"duplicate value found: (\S+) duplicates value on record with id: \S+")
_UNNAMED = "<unknown>"  # field and id of a duplicate that another transaction has not committed

_REASONS = {
    "REQUEST_LIMIT_EXCEEDED": Reason.QUOTA,
    "STORAGE_LIMIT_EXCEEDED": Reason.QUOTA,
    # The transaction waited for a record that another one holds, gave up and was rolled back: the
    # same request may succeed later, which is what this reason tells the chain.
    "UNABLE_TO_LOCK_ROW": Reason.RATE_LIMITED,
}


class ApiError(BaseModel):
    """One element of an error body."""

    message: str = ""
    errorCode: str = ""  # Salesforce's own spelling


_ERRORS = TypeAdapter(tuple[ApiError, ...])


def errors_in(body: object) -> tuple[ApiError, ...]:
    """Return the errors in the body of an answer, none if the body is anything else."""
    try:
        return _ERRORS.validate_python(body)
    except ValidationError:
        return ()


def names_field(error: SalesforceError, field: str) -> bool:
    """Tell whether an answer refuses a query because that field does not exist for us."""
    return any(
        one.errorCode == "INVALID_FIELD" and f"'{field}'" in one.message
        for one in errors_in(error.content)
    )


def named_code(errors: tuple[ApiError, ...]) -> str:
    """Return the first error's code if it looks like one: it goes into messages and logs."""
    return errors[0].errorCode if _CODE.fullmatch(errors[0].errorCode) else "unnamed"


def refusal(status: int, errors: tuple[ApiError, ...]) -> SendFailed:
    """Return what an answer with an error status says about the effect of the request.

    The message holds Salesforce's code, never a value.
    """
    failure = classify_status(status)

    if status == 412:
        return refused(status, Reason.CHANGED, "The record was changed after it was read.")

    if not errors or failure.evidence is not Evidence.NOT_APPLIED:
        return failure

    code = named_code(errors)
    reason = _REASONS.get(code, failure.reason)
    return refused(status, reason, f"Salesforce refused the request: {code}.")


def refused(status: int | None, reason: Reason, message: str) -> SendFailed:
    """Return the failure of a request that was not applied."""
    return SendFailed(message, evidence=Evidence.NOT_APPLIED, reason=reason, status=status)


def duplicated_field(errors: tuple[ApiError, ...]) -> str | None:
    """Return the field whose unique value is taken, "" where Salesforce does not name it.

    None: the answer is about something else. The field is not named where the other record is not
    committed yet, nor, as far as we can read it, in an organisation that speaks another language.
    """
    if not errors or errors[0].errorCode != "DUPLICATE_VALUE":
        return None

    named = _DUPLICATE.search(errors[0].message)
    return "" if named is None or named[1] == _UNNAMED else named[1]


@contextmanager
def nothing_sent() -> Iterator[None]:
    """Mark failures of the block as `NOT_APPLIED`: it only asks, and the write comes after it.

    Raises:
        SendFailed: what the block raised, with that evidence.
    """
    try:
        yield
    except SendFailed as failure:
        raise before_write(failure) from None

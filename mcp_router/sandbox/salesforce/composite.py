"""The `composite` resource: up to 25 calls in one request, all or none if asked for.

After "Composite" in the REST API Developer Guide: the request as a whole answers 200, each part
carries its own status, and with `allOrNone` one failure rolls every part back and turns the
others into 400 PROCESSING_HALTED. Parts run in the order given, whatever `collateSubrequests` says.
A value with an `@{...}` that names no earlier answer is refused; the guide is silent about it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from mcp_router.canonical import JsonValue
from mcp_router.sandbox.salesforce.answers import Answer, ApiCall, Change, Refusal, wrong_method
from mcp_router.sandbox.salesforce.resources import serve
from mcp_router.sandbox.salesforce.state import SalesforceState

MAX_PARTS = 25
_ADDRESS = re.compile(r"/services/data/v(\d+)\.0/(.+)")
_NAME = re.compile(r"[A-Za-z0-9]\w*", re.ASCII)
_REFERENCE = re.compile(r"@\{([^}]*)\}")
_INHERITED = frozenset({"accept", "authorization", "content-type"})
_ROLLED_BACK = (
    "The transaction was rolled back since another operation in the same transaction failed."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    reference: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    part: _Part
    status: int
    body: JsonValue
    headers: Mapping[str, str]
    changes: tuple[Change, ...] = ()

    def json(self) -> JsonValue:
        return {
            "body": self.body,
            "httpHeaders": dict(self.headers),
            "httpStatusCode": self.status,
            "referenceId": self.part.reference,
        }


class _RolledBack(Refusal):
    """Carries the results of a failed all-or-none request out of its transaction."""

    def __init__(self, results: list[_Result]) -> None:
        super().__init__(400, "PROCESSING_HALTED", _ROLLED_BACK)
        self.results = results


def serve_composite(state: SalesforceState, call: ApiCall) -> Answer:
    """Answer a composite request.

    Raises:
        Refusal: the request as a whole is malformed; no part of it was done.
    """
    if call.method != "POST":
        raise wrong_method(call.method, "POST")

    all_or_none, parts = _parts(call.body)

    try:
        with state.transaction():
            results = _run(state, parts, stop=all_or_none)

            if all_or_none and results[-1].status >= 300:
                raise _RolledBack(_halted(parts, results[-1]))
    except _RolledBack as rolled_back:
        results = rolled_back.results

    return Answer(
        status=200,
        body={"compositeResponse": [result.json() for result in results]},
        changes=tuple(change for result in results for change in result.changes),
    )


def _malformed(why: str) -> Refusal:
    return Refusal(400, "JSON_PARSER_ERROR", why)


def _parts(body: JsonValue) -> tuple[bool, list[_Part]]:
    listed = body.get("compositeRequest") if isinstance(body, Mapping) else None

    if not isinstance(body, Mapping) or not isinstance(listed, Sequence) or isinstance(listed, str):
        raise _malformed("compositeRequest is not a list")

    if not 0 < len(listed) <= MAX_PARTS:
        raise _malformed(f"compositeRequest takes 1 to {MAX_PARTS} subrequests")

    parts = [_part(each) for each in listed]

    if len({part.reference for part in parts}) < len(parts):
        raise _malformed("a referenceId is used twice")

    return body.get("allOrNone") is True, parts


def _part(value: JsonValue) -> _Part:
    if not isinstance(value, Mapping):
        raise _malformed("a subrequest is not an object")

    reference, method, url = (value.get(name) for name in ("referenceId", "method", "url"))

    if not (isinstance(reference, str) and isinstance(method, str) and isinstance(url, str)):
        raise _malformed("a subrequest needs method, url and referenceId")

    if not _NAME.fullmatch(reference):
        raise _malformed("a referenceId has letters, digits and underscores only")

    return _Part(
        reference=reference,
        method=method,  # its letters' case counts: `patch` is no method
        url=url,
        headers=_headers(value.get("httpHeaders")),
        body=value.get("body"),
    )


def _headers(value: JsonValue) -> dict[str, str]:
    given = value if isinstance(value, Mapping) else {}
    headers = {name.lower(): str(text) for name, text in given.items()}

    if not _INHERITED.isdisjoint(headers):
        raise _malformed("a subrequest inherits Accept, Authorization and Content-Type")

    return headers


def _run(state: SalesforceState, parts: list[_Part], *, stop: bool) -> list[_Result]:
    """Return the result of each part, with `stop` none after the first that failed."""
    results: list[_Result] = []

    for part in parts:
        done = {result.part.reference: result for result in results}

        try:
            answer = serve(state, _call(part, done))
        except Refusal as refusal:
            results.append(
                _Result(part=part, status=refusal.status_code, body=refusal.body(), headers={})
            )
        else:
            results.append(
                _Result(
                    part=part,
                    status=answer.status,
                    body=answer.body,
                    headers=answer.headers,
                    changes=answer.changes,
                )
            )

        if stop and results[-1].status >= 300:
            break

    return results


def _halted(parts: list[_Part], failure: _Result) -> list[_Result]:
    """Return the results of a rolled back request: the one failure, and the others halted."""
    halted = Refusal(400, "PROCESSING_HALTED", _ROLLED_BACK).body()
    return [
        failure if part is failure.part else _Result(part=part, status=400, body=halted, headers={})
        for part in parts
    ]


def _call(part: _Part, done: Mapping[str, _Result]) -> ApiCall:
    url = urlsplit(_filled_text(part.url, done))
    address = _ADDRESS.fullmatch(url.path)

    if address is None:
        raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")

    return ApiCall(
        version=int(address[1]),
        method=part.method,
        path=tuple(unquote(segment) for segment in address[2].rstrip("/").split("/")),
        query=dict(parse_qsl(url.query)),
        headers=part.headers,
        body=_filled(part.body, done),
    )


def _filled(value: JsonValue, done: Mapping[str, _Result]) -> JsonValue:
    """Return `value` with every `@{reference.field}` replaced by an earlier answer's field."""
    if isinstance(value, str):
        return _filled_text(value, done)

    if isinstance(value, Mapping):
        return {name: _filled(item, done) for name, item in value.items()}

    return value


def _filled_text(text: str, done: Mapping[str, _Result]) -> str:
    def field(match: re.Match[str]) -> str:
        name, _, wanted = match[1].partition(".")
        result = done.get(name)
        body = result.body if result and result.status < 300 else None
        value = body.get(wanted) if isinstance(body, Mapping) else None

        if value is None:
            message = f"Invalid reference specified. No value for {match[1]}"
            raise Refusal(400, "PROCESSING_HALTED", message)

        return str(value)

    return _REFERENCE.sub(field, text)

"""Faults that an embedded server commits on request, so that recovery can be watched."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pydantic import ConfigDict, TypeAdapter, ValidationError

from mcp_router.errors import InvalidArguments


class FaultKind(StrEnum):
    """What goes wrong, and whether the request was applied when it does."""

    REFUSE = "refuse"  # the next connection is reset as its TLS handshake begins: not applied
    DROP_BEFORE = "drop_before"  # the request is read, the connection reset: not applied
    DROP_AFTER = "drop_after"  # applied, then the connection reset without one answer byte
    LATE = "late"  # the connection is reset at once, the request applied after `delay_s`
    SLOW = "slow"  # applied at once, answered after `delay_s`
    TWICE = "twice"  # delivered twice: done, answered, and done again `delay_s` later
    STATUS = "status"  # answered with `status`; applied first only if `applied` is true
    CUT = "cut"  # applied, the answer begun, then the connection reset in the middle of its body
    GARBLED = "garbled"  # applied, then a 2xx whose body is broken JSON
    REDIRECT = "redirect"  # not applied: 307 to the same path and query


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One kind of trouble for the next `times` requests that match.

    `path` is a regular expression searched in the path; None matches every method or path. A
    refusal comes before any request is known, so it ignores both and counts connections.
    `status`, `retry_after_s`, `applied` and `body` (the text of the answer) belong to `status`,
    `delay_s` to `late`, `slow` and `twice`.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    kind: FaultKind
    times: int = 1
    method: str | None = None
    path: str | None = None
    delay_s: float = 0.0
    status: int = 500
    retry_after_s: int | None = None
    applied: bool = False
    body: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no server could do.

        Raises:
            ValueError: the kind is unknown, a number is out of range, or `path` is no regular
                expression.
        """
        # Scripts that no type checker sees write kind="refuse", which equals the member but is
        # not it.
        object.__setattr__(self, "kind", FaultKind(self.kind))

        if self.times < 1 or self.delay_s < 0 or not 200 <= self.status <= 599:
            raise ValueError("times >= 1, delay_s >= 0 and status 200 to 599 are possible")

        try:
            re.compile(self.path or "")
        except re.error as broken:
            raise ValueError("path is not a regular expression") from broken

    def matches(self, method: str, path: str) -> bool:
        """Tell whether this fault is meant for such a request."""
        return (
            self.kind is not FaultKind.REFUSE
            and (self.method is None or self.method.upper() == method.upper())
            and (self.path is None or re.search(self.path, path) is not None)
        )


class FaultScript:
    """The faults that a server is still to commit, oldest first; safe between threads."""

    def __init__(self, on_refusal: Callable[[], None] | None = None) -> None:
        """Start without faults; `on_refusal` is called after refusals were added.

        A server uses it to drop idle connections: a client that keeps one open would otherwise
        never connect anew, and never meet the refusal.
        """
        self._lock = threading.Lock()
        self._pending: list[tuple[Fault, int]] = []
        self._on_refusal = on_refusal

    def add(self, *faults: Fault) -> None:
        """Append `faults` to the script."""
        with self._lock:
            self._pending.extend((fault, fault.times) for fault in faults)

        if self._on_refusal and any(fault.kind is FaultKind.REFUSE for fault in faults):
            self._on_refusal()

    def clear(self) -> None:
        """Forget every fault that is still to come."""
        with self._lock:
            self._pending.clear()

    def pending(self) -> int:
        """Return how many requests or connections are still to fail."""
        with self._lock:
            return sum(left for _, left in self._pending)

    def take(self, method: str, path: str) -> Fault | None:
        """Return the oldest fault for such a request and use it up once."""
        return self._take(lambda fault: fault.matches(method, path))

    def take_refusal(self) -> Fault | None:
        """Return the oldest refusal and use it up once; for a connection just accepted."""
        return self._take(lambda fault: fault.kind is FaultKind.REFUSE)

    def _take(self, wanted: Callable[[Fault], bool]) -> Fault | None:
        with self._lock:
            for place, (fault, left) in enumerate(self._pending):
                if wanted(fault):
                    self._pending[place : place + 1] = [(fault, left - 1)] if left > 1 else []
                    return fault

        return None


def parse_faults(body: bytes) -> tuple[Fault, ...]:
    """Return the faults of a JSON list of objects.

    Raises:
        InvalidArguments: the body is not such a list.
    """
    try:
        return TypeAdapter(tuple[Fault, ...]).validate_json(body)
    except ValidationError as invalid:
        places = [".".join(map(str, problem["loc"])) or "the whole" for problem in invalid.errors()]
        raise InvalidArguments(f"not a list of faults, at: {', '.join(places)}") from None

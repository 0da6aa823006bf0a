"""Who is in which arm of a rollout, and the guards that its candidate must keep."""

import hashlib
import re
from collections.abc import Sequence
from typing import assert_never

from mcp_router.domain.rollout import Arm, Guard, Metric, Rollout
from mcp_router.errors import InvalidArguments

_SPACE = 2**64

_NUMBER = r"(?P<number>[0-9]{1,9}(?:\.[0-9]{1,9})?)"
_FORMS = {
    Metric.SUCCESS: re.compile(rf"success>={_NUMBER}(?P<unit>%?)"),
    Metric.P95: re.compile(rf"p95<={_NUMBER}(?P<unit>ms|s)"),
    Metric.COST: re.compile(rf"cost<=(?P<sign>[+-]){_NUMBER}(?P<unit>%)"),
}
_EXPECTED = "--guard: expected parts such as success>=0.99, p95<=1.2s and cost<=+5%, each once."


def arm_of(rollout: Rollout, unit: str) -> Arm:
    """Return the arm of a customer, ticket or tenant: always the same one at the same percentage.

    A higher percentage adds to the candidate's arm and takes nobody out of it.
    """
    text = f"{rollout.salt}\0{unit}".encode("utf-8", "surrogatepass")
    place = int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
    return Arm.CANDIDATE if place * 100 < rollout.percent * _SPACE else Arm.STABLE


def salt_of(name: str, version: int) -> str:
    """Return what draws the arms of a candidate: another version draws other customers."""
    return f"{name}@{version}"


def serving_before(versions: Sequence[int], candidate: int) -> int | None:
    """Return the version that serves where nothing was rolled out yet: the highest other one.

    >>> serving_before((1, 2, 3), 3)
    2
    """
    return max((one for one in versions if one != candidate), default=None)


def read_guards(text: str) -> tuple[Guard, ...]:
    """Return the guards of a text, in its order; an empty text has none.

    >>> read_guards("success>=99%, p95<=1200ms")[1].bound
    1.2

    Raises:
        InvalidArguments: a part is no guard, cannot be kept or broken, or stands there twice.
    """
    parts = ["".join(part.split()) for part in text.split(",")]
    guards = tuple(map(_read_guard, filter(None, parts)))

    if len({guard.metric for guard in guards}) < len(guards):
        raise InvalidArguments(_EXPECTED)

    return guards


def tell_guards(guards: Sequence[Guard]) -> str:
    """Return the guards in the form that `read_guards` reads.

    >>> tell_guards(read_guards("success >= 99%, p95 <= 1200ms, cost <= +5%"))
    'success>=0.99,p95<=1.2s,cost<=+5%'
    """
    return ",".join(map(tell_guard, guards))


def tell_guard(guard: Guard) -> str:
    """Return one guard in the form that `read_guards` reads."""
    match guard.metric:
        case Metric.SUCCESS:
            return f"success>={guard.bound:.9g}"
        case Metric.P95:
            return f"p95<={guard.bound:.9g}s"
        case Metric.COST:
            return f"cost<={guard.bound * 100:+.9g}%"
        case _:
            assert_never(guard.metric)


def _read_guard(part: str) -> Guard:
    for metric, form in _FORMS.items():
        if match := form.fullmatch(part):
            guard = Guard(metric=metric, bound=_bound(metric, match))

            if _makes_sense(guard):
                return guard

    raise InvalidArguments(_EXPECTED)


def _bound(metric: Metric, match: re.Match[str]) -> float:
    """Return the bound as a share, as seconds, or as a relative rise."""
    number = float(match["number"])

    if metric is Metric.COST and match["sign"] == "-":
        number = -number

    match match["unit"]:
        case "%":
            return number / 100
        case "ms":
            return number / 1000
        case _:
            return number


def _makes_sense(guard: Guard) -> bool:
    """Return whether a guard can be kept at all, and broken."""
    match guard.metric:
        case Metric.SUCCESS:
            return 0 < guard.bound < 1
        case Metric.P95:
            return guard.bound > 0
        case Metric.COST:
            return -1 < guard.bound <= 100
        case _:
            assert_never(guard.metric)

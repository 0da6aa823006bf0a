"""How alerts are worded for people, and their times and amounts."""

from datetime import UTC, datetime
from types import MappingProxyType

from mcp_router.domain.alert import Alert, AlertKind, Fact

_TITLES = MappingProxyType(
    {
        AlertKind.FALLBACK_TRIGGERED: "A fallback answered",
        AlertKind.BUDGET_EXCEEDED: "A budget refused a call",
        AlertKind.ERROR_BURST: "A burst of errors",
        AlertKind.POLICY_CHANGED: "A policy has changed",
        AlertKind.DRIFT_DETECTED: "A target drifts",
        AlertKind.ACTION_UNKNOWN: "Nobody knows whether a write was applied",
        AlertKind.VERIFICATION_FAILED: "The decision log does not verify",
        AlertKind.DAILY_DIGEST: "The last day",
    }
)
_MICROUSD = "_microusd"


def title(alert: Alert) -> str:
    """Return the alert's headline, with its count where it stands for several."""
    told = _TITLES[alert.kind]
    return told if alert.count == 1 else f"{told} ({alert.count} times)"


def shown(fact: Fact) -> tuple[str, str]:
    """Return a fact's name and value for people: spaces for underscores, dollars for micro-dollars.

    >>> shown(Fact(name="cost_microusd", value=1_250_000))
    ('cost', '$1.25')
    """
    if fact.name.endswith(_MICROUSD) and not isinstance(fact.value, str):
        return _spaced(fact.name.removesuffix(_MICROUSD)), f"${fact.value / 1_000_000:,.2f}"

    value = f"{fact.value:,}" if isinstance(fact.value, int) else str(fact.value)
    return _spaced(fact.name), value


def timestamp(at_ms: int) -> str:
    """Return the moment in UTC as RFC 3339 has it.

    >>> timestamp(0)
    '1970-01-01T00:00:00.000Z'
    """
    moment = datetime.fromtimestamp(at_ms / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _spaced(name: str) -> str:
    return name.replace("_", " ")

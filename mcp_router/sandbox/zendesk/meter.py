"""The account's rate limit: so many requests in each minute of the clock."""

from dataclasses import dataclass

ADVERTISED_PER_MINUTE = 700
"""What the rate headers speak of when nothing is limited; the figure of Zendesk's own examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What one request found: `granted` False means that it must not be executed."""

    granted: bool
    limit: int
    remaining: int
    resets_s: int


class Meter:
    """Counts requests by the minute. Not safe between threads: the state that holds it is."""

    def __init__(self) -> None:
        """Start with nothing used."""
        self._minute: int | None = None
        self._used = 0

    def take(self, now_s: int, requests_per_minute: int | None) -> Allowance:
        """Count one request, granted or not; None refuses nothing."""
        if now_s // 60 != self._minute:
            self._minute, self._used = now_s // 60, 0

        granted = requests_per_minute is None or self._used < requests_per_minute
        self._used += 1
        limit = ADVERTISED_PER_MINUTE if requests_per_minute is None else requests_per_minute
        return Allowance(
            granted=granted,
            limit=limit,
            remaining=max(0, limit - self._used),
            resets_s=60 - now_s % 60,
        )

"""Many failures at once, of one target or one tenant: counted by the minute, over five of them."""

from collections import deque
from dataclasses import dataclass, replace

MINUTES = 5
LEAST_FAILURES = 10
LEAST_SHARE = 0.2
"""A burst is as many failures as that, and as large a share of what was tried."""

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """What the last minutes of a subject came to when it was too much."""

    failures: int
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Minute:
    minute: int
    failures: int = 0
    tries: int = 0


class BurstWatch:
    """Counts for one subject; after a burst it counts anew."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._minutes: deque[_Minute] = deque([_Minute(minute=0)], maxlen=MINUTES)

    def feed(self, at_ms: int, *, failed: bool) -> Burst | None:
        """Count one try; return the burst that it completes.

        What is a little late, as calls end out of order, counts for the newest minute.
        """
        minute = max(at_ms // _MINUTE_MS, self._minutes[-1].minute)

        if minute != self._minutes[-1].minute:
            self._minutes.append(_Minute(minute=minute))

        last = self._minutes[-1]
        self._minutes[-1] = replace(last, failures=last.failures + failed, tries=last.tries + 1)

        if not failed:
            return None

        counted = [one for one in self._minutes if one.minute > minute - MINUTES]
        failures, tries = sum(one.failures for one in counted), sum(one.tries for one in counted)

        if failures < LEAST_FAILURES or failures < LEAST_SHARE * tries:
            return None

        self._minutes.clear()
        self._minutes.append(_Minute(minute=minute))
        return Burst(failures=failures, tries=tries)

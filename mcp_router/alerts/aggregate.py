"""Of many alerts about one thing the first is told at once, then one in five minutes."""

from dataclasses import replace

from mcp_router.domain.alert import Alert, Judged, Window

WINDOW_MS = 5 * 60 * 1000
"""How long a key is quiet after it was told; what happens meanwhile is counted."""


def merged(waiting: Alert | None, alert: Alert) -> Alert:
    """Return the newer alert, counting for both."""
    return alert if waiting is None else replace(alert, count=waiting.count + alert.count)


def judge(window: Window | None, alert: Alert | None, now_ms: int) -> Judged:
    """Return how a key stands after an alert, or after some time, and what to tell now.

    An alert that came before, as after a lost connection, changes nothing. A clock that was set
    back ends the window: better told twice than never.
    """
    if window is None:
        assert alert is not None, "only a key that is there can be looked at again"
        return _told(alert, now_ms)

    if alert is not None and alert.alert_id == window.last_id:
        return Judged(window=window)

    waiting = window.waiting if alert is None else merged(window.waiting, alert)

    if waiting is None:
        return Judged(window=window)

    if 0 <= now_ms - window.told_ms < WINDOW_MS:
        return Judged(window=replace(window, waiting=waiting, last_id=waiting.alert_id))

    return _told(waiting, now_ms)


def _told(alert: Alert, now_ms: int) -> Judged:
    """Return that the alert is told now."""
    window = Window(key=alert.key, told_ms=now_ms, last_id=alert.alert_id)
    return Judged(window=window, told=alert)

"""Of many alerts about one thing the first is told at once, then one in five minutes."""

from dataclasses import replace

from mcp_router.domain.alert import Alert, Judged, Window

WINDOW_MS = 5 * 60 * 1000
"""How long a key is quiet after it was told; what happens meanwhile is counted."""

REMEMBERED = 32
"""How many alerts of a key are known by their ids: replicas may read the same ones."""


def merged(waiting: Alert | None, alert: Alert) -> Alert:
    """Return the newer alert, counting for both."""
    if waiting is None:
        return alert

    # One less, so that all of an alert's ids are in a window that remembers it.
    also = (*_ids(waiting), *alert.also)[1 - REMEMBERED :]
    return replace(alert, count=waiting.count + alert.count, also=also)


def judge(window: Window | None, alert: Alert | None, now_ms: int) -> Judged:
    """Return how a key stands after an alert, or after some time, and what to tell now.

    An alert that came before, as from another replica or after a lost connection, changes nothing,
    nor does one that another was merged with. A clock that was set back ends the window: better
    told twice than never.
    """
    if window is None:
        assert alert is not None, "only a key that is there can be looked at again"
        return _told(alert, now_ms, ids=_ids(alert))

    new = None if alert is None else _new_in(alert, window)

    if new is None and alert is not None:
        return Judged(window=window)

    waiting = window.waiting if new is None else merged(window.waiting, new)
    ids = window.ids if new is None else (*window.ids, *_ids(new))[-REMEMBERED:]

    if waiting is None:
        return Judged(window=window)

    if 0 <= now_ms - window.told_ms < WINDOW_MS:
        return Judged(window=replace(window, waiting=waiting, ids=ids))

    return _told(waiting, now_ms, ids=ids)


def _ids(alert: Alert) -> tuple[str, ...]:
    """Return the alerts that this one counts for, the newest last."""
    return *alert.also, alert.alert_id


def _new_in(alert: Alert, window: Window) -> Alert | None:
    """Return the alert without what the window has counted already; None if that is all of it."""
    ids = _ids(alert)
    new = [one for one in ids if one not in window.ids]

    if not new:
        return None

    counted = len(ids) - len(new)
    return replace(alert, alert_id=new[-1], also=tuple(new[:-1]), count=alert.count - counted)


def _told(alert: Alert, now_ms: int, *, ids: tuple[str, ...]) -> Judged:
    """Return that the alert is told now."""
    window = Window(key=alert.key, told_ms=now_ms, ids=ids)
    return Judged(window=window, told=replace(alert, also=()))

"""Charts as SVG within a page: no script, no request, colours from the page's own styles."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

WIDTH, HEIGHT = 520, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 8, 12, 24
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line or one colour of bars: a name, its class in the page's styles, its values."""

    name: str
    style: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The moments of a chart, how far they are apart, and how its values are written."""

    at_ms: tuple[int, ...]
    step_ms: int
    unit: Callable[[float], str]


def bars(title: str, axis: Axis, series: Series) -> str:
    """Return a bar for each moment; where nothing happened there is a gap."""
    frame = _Frame(axis, [series])
    width = max(frame.step * 0.78, 1.0)
    drawn = [
        f'<rect class="{series.style}" x="{frame.x(at) - width / 2:.1f}" y="{frame.y(value):.1f}" '
        f'width="{width:.1f}" height="{max(frame.base - frame.y(value), 0.5):.1f}" rx="1">'
        f"<title>{escape(f'{_moment(at, axis)}: {axis.unit(value)}')}</title></rect>"
        for at, value in zip(axis.at_ms, series.values, strict=True)
        if value
    ]
    return frame.svg(title, "".join(drawn))


def lines(title: str, axis: Axis, series: Sequence[Series]) -> str:
    """Return a line for each series, broken where it has no value."""
    frame = _Frame(axis, series)
    return frame.svg(title, "".join(_line(frame, axis, one) for one in series))


def legend(series: Sequence[Series]) -> str:
    """Return which colour is what."""
    marks = (
        f'<span><svg class="mark" viewBox="0 0 10 10" aria-hidden="true">'
        f'<rect class="{one.style}" width="10" height="10" rx="2"/></svg>{escape(one.name)}</span>'
        for one in series
    )
    return f'<p class="legend">{"".join(marks)}</p>'


def meter(part: float, style: str = "one") -> str:
    """Return a bar for a table's cell, `part` of its full length."""
    width = max(min(part, 1.0), 0.0) * 100
    return (
        '<svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="rail" width="100" height="8"/>'
        f'<rect class="{style}" width="{width:.1f}" height="8"/></svg>'
    )


def pairs(
    title: str, rows: Sequence[tuple[str, float | None, float | None]], unit: Callable[[float], str]
) -> str:
    """Return two bars a row, before and after."""
    most = max((value or 0.0 for _, *both in rows for value in both), default=0.0) or 1.0
    height, name_width, room = 40, 180, 720
    drawn = []

    for number, (name, *both) in enumerate(rows):
        top = number * height
        drawn.append(
            f'<text class="name" x="{name_width - 12}" y="{top + 23}" text-anchor="end">'
            f"{escape(name)}</text>"
        )

        for place, (style, value) in enumerate(zip(("before", "one"), both, strict=True)):
            y = top + 6 + place * 14
            width = (value or 0.0) / most * room
            told = "no calls" if value is None else unit(value)
            drawn.append(
                f'<rect class="{style}" x="{name_width}" y="{y}" width="{max(width, 1):.1f}" '
                f'height="11" rx="1"/><text x="{name_width + max(width, 1) + 8:.1f}" y="{y + 10}">'
                f"{escape(told)}</text>"
            )

    return (
        f'<div class="scroll"><svg class="chart" viewBox="0 0 1000 {len(rows) * height + 4}" '
        f'role="img" aria-label="{escape(title)}">{"".join(drawn)}</svg></div>'
    )


class _Frame:
    """The grid of a chart over time, and where a value lies in it."""

    def __init__(self, axis: Axis, series: Sequence[Series]) -> None:
        self.axis = axis
        self.base = HEIGHT - _BOTTOM
        most = max((value or 0.0 for one in series for value in one.values), default=0.0)
        self.ticks = ticks(most)
        self._top = self.ticks[-1]
        self._first = axis.at_ms[0]
        steps = (axis.at_ms[-1] - self._first) // axis.step_ms + 1
        self.step = (WIDTH - _LEFT - _RIGHT) / steps

    def x(self, at_ms: int) -> float:
        """Return the middle of a moment."""
        return _LEFT + ((at_ms - self._first) / self.axis.step_ms + 0.5) * self.step

    def y(self, value: float) -> float:
        """Return the height of a value."""
        return self.base - value / self._top * (self.base - _TOP)

    def svg(self, title: str, drawn: str) -> str:
        """Return the whole chart."""
        grid = "".join(
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{self.y(tick):.1f}" '
            f'y2="{self.y(tick):.1f}"/><text x="{_LEFT - 8}" y="{self.y(tick) + 3.5:.1f}" '
            f'text-anchor="end">{escape(self.axis.unit(tick))}</text>'
            for tick in self.ticks
        )
        return (
            f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(title)}">{grid}{drawn}{self._moments()}</svg>'
        )

    def _moments(self) -> str:
        """Return a few moments below the chart: the first, the last and some between."""
        count = len(self.axis.at_ms)
        places = sorted({0, count // 3, 2 * count // 3, count - 1} if count > 3 else range(count))
        told = []

        for place in places:
            at_ms = self.axis.at_ms[place]
            # A label at an edge leans inwards, or half of it would be cut off.
            end = count > 1 and place == count - 1
            anchor = "end" if end else "start" if place == 0 and count > 1 else "middle"
            edge = self.x(at_ms) + {"end": 1, "start": -1, "middle": 0}[anchor] * self.step / 2
            told.append(
                f'<text x="{edge:.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">'
                f"{_moment(at_ms, self.axis)}</text>"
            )

        return "".join(told)


def _line(frame: _Frame, axis: Axis, series: Series) -> str:
    """Return a series as lines between its values, and as points where it stands alone."""
    runs: list[list[tuple[float, float]]] = [[]]

    for at, value in zip(axis.at_ms, series.values, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((frame.x(at), frame.y(value)))

    drawn = []

    for run in runs:
        if len(run) == 1:
            [(x, y)] = run
            drawn.append(f'<circle class="{series.style}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>')
        elif run:
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
            drawn.append(f'<polyline class="line {series.style}" points="{points}"/>')

    return "".join(drawn)


def ticks(most: float) -> tuple[float, ...]:
    """Return round values from nothing to at least `most`, four or five of them.

    >>> ticks(0.83), ticks(0)
    ((0.0, 0.25, 0.5, 0.75, 1.0), (0.0, 1.0))
    """
    if most <= 0:
        return (0.0, 1.0)

    size = 10 ** math.floor(math.log10(most / 4))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor * 4 >= most)
    return tuple(round(step * number, 10) for number in range(math.ceil(most / step) + 1))


def _moment(at_ms: int, axis: Axis) -> str:
    """Return a moment as precisely as the chart is: a day, or a time of a day."""
    moment = datetime.fromtimestamp(at_ms / 1000, tz=UTC)
    return f"{moment:%d %b}" if axis.step_ms >= _DAY_MS else f"{moment:%d %b %H:%M}"

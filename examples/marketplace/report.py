"""Tells what was found, side by side with what was published, and whether the aims are met."""

from collections.abc import Iterator
from dataclasses import dataclass

from examples.marketplace.assumptions import Aims, Assumptions, BothPublished
from examples.marketplace.figures import Figures, OutageFigures

SMALL = 5_000
"""Below so many requests a day is too thin for its figures to mean anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Something to be reached, and whether it is."""

    what: str
    reached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that was found; `after` is the outage's day where there is one."""

    simulation: bool
    seed: int
    published: BothPublished
    after: Figures
    before: Figures | None = None
    outage: OutageFigures | None = None
    aims: tuple[Aim, ...] = ()

    @property
    def saving(self) -> float | None:
        """Return the share of the cost before that is saved."""
        return None if self.before is None else 1 - self.after.cost_usd / self.before.cost_usd


def comparison(before: Figures, after: Figures, assumptions: Assumptions, *, seed: int) -> Report:
    """Return the report on both runs; of a thin day only what holds on every day is asked."""
    aims = assumptions.aims
    saving = 1 - after.cost_usd / before.cost_usd
    always = (
        _none_doubled(after.doubled, after.lost),
        Aim(what="cheaper than before", reached=saving > 0),
        Aim(what="faster than before (p95)", reached=after.p95_s < before.p95_s),
        Aim(what="no less successful than before", reached=after.success >= before.success),
    )
    full = (
        Aim(what="tickets were doubled before", reached=before.doubled > 0),
        Aim(what=f"cost down by {aims.saving:.0%}", reached=saving >= aims.saving),
        Aim(what=f"p95 within {aims.p95_s:.2f} s", reached=after.p95_s <= aims.p95_s),
        Aim(what=f"success of {aims.success:.1%}", reached=after.success >= aims.success),
    )
    return Report(
        simulation=True,
        seed=seed,
        published=assumptions.published,
        before=before,
        after=after,
        aims=always if after.requests < SMALL else always + full,
    )


def outage_report(
    after: Figures, outage: OutageFigures, assumptions: Assumptions, *, seed: int
) -> Report:
    """Return the report on a day with a long outage."""
    return Report(
        simulation=True,
        seed=seed,
        published=assumptions.published,
        after=after,
        outage=outage,
        aims=_outage_aims(after, outage, assumptions.aims),
    )


def _outage_aims(after: Figures, outage: OutageFigures, aims: Aims) -> tuple[Aim, ...]:
    """Return what has to hold through an outage; a thin day says nothing of speed."""
    nothing_twice = _none_doubled(outage.doubled, after.lost)

    if after.requests < SMALL:
        return (nothing_twice,)

    least = aims.success_in_outage
    opened = outage.breaker_s is not None and outage.breaker_s <= aims.breaker_s
    return (
        nothing_twice,
        Aim(what=f"success of {least:.0%} during the outage", reached=outage.success >= least),
        Aim(what=f"the first breaker opens within {aims.breaker_s:g} s", reached=opened),
    )


def _none_doubled(doubled: int, lost: int) -> Aim:
    return Aim(what="every ticket exactly once", reached=doubled == 0 and lost == 0)


def lines(report: Report) -> Iterator[str]:
    """Yield the report for people."""
    yield (
        "A SIMULATION: the real router and real list prices; the traffic, the speed and the "
        "failures of the"
    )
    yield "providers are drawn from assumptions.json, by the seed."
    yield ""
    yield from _table(report)
    yield ""
    yield f"  pools after ({report.after.policy}): {_shares(report.after.places)}"

    for name, figures in (("before", report.before), ("after", report.after)):
        if figures is not None and figures.failures:
            yield f"  failed {name}: {_counts(figures.failures)}"

    if report.outage is not None:
        yield from _outage(report.outage)

    yield ""

    for aim in report.aims:
        yield f"  {'ok' if aim.reached else 'MISSED'}: {aim.what}"


def _table(report: Report) -> Iterator[str]:
    """Yield the figures side by side."""
    before, after, published = report.before, report.after, report.published
    rows = [
        (
            "cost per 1,000 requests",
            _usd(published.before.cost_usd), _usd(published.after.cost_usd),
            before and _usd(before.cost_usd), _usd(after.cost_usd),
        ),
        (
            "p95 of an answer",
            _s(published.before.p95_s), _s(published.after.p95_s),
            before and _s(before.p95_s), _s(after.p95_s),
        ),
        (
            "success",
            _share(published.before.success), _share(published.after.success),
            before and _share(before.success), _share(after.success),
        ),
        (
            "answers from the cache",
            "", _share(published.after.cache_hits),
            before and _share(before.cache_hits), _share(after.cache_hits),
        ),
        (
            "answers from the quality pool",
            "", _share(published.after.quality_pool),
            before and _share(before.places.get("quality", 0.0)),
            _share(after.places.get("quality", 0.0)),
        ),
        ("tickets wanted", "", "", before and f"{before.actions:,}", f"{after.actions:,}"),
        ("tickets doubled", "", "", before and f"{before.doubled:,}", f"{after.doubled:,}"),
        ("tickets lost", "", "", before and f"{before.lost:,}", f"{after.lost:,}"),
    ]  # fmt: skip
    yield f"  {'':30}{'published':>20}{f'{after.requests:,} requests':>24}"
    yield f"  {'':30}{'before':>10}{'after':>10}{'before':>14}{'after':>10}"

    for name, one, two, three, four in rows:
        yield f"  {name:30}{one:>10}{two:>10}{three or '-':>14}{four:>10}"

    if report.saving is not None:
        theirs = 1 - published.after.cost_usd / published.before.cost_usd
        yield f"  {'cost saved':30}{'':>10}{theirs:>10.0%}{'':>14}{report.saving:>10.0%}"


def _outage(outage: OutageFigures) -> Iterator[str]:
    """Yield what happened while a provider was away."""
    opened = "never" if outage.breaker_s is None else f"after {outage.breaker_s:.1f} s"
    yield ""
    yield f"  {outage.minutes:g} minutes without {outage.provider}:"
    yield f"    {outage.requests:,} requests, {_share(outage.success)} answered in time"
    yield f"    p95 of an answer {_s(outage.p95_s)}"
    yield f"    the first breaker opened {opened}; {outage.sent:,} requests were sent there in all"
    yield f"    tickets doubled: {outage.doubled}"


def _usd(value: float) -> str:
    return f"${value:.2f}"


def _s(value: float) -> str:
    return f"{value:.2f} s"


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _shares(shares: dict[str, float]) -> str:
    return ", ".join(f"{name} {_share(share)}" for name, share in shares.items())


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))

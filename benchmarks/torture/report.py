"""What a run has found, as JSON and as tables for people."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from benchmarks.torture.account import WRONG, Fate, Verdict
from benchmarks.torture.contest import Score
from benchmarks.torture.plan import Cell
from benchmarks.torture.run import Result
from benchmarks.torture.subjects import BLIND
from mcp_router.canonical import JsonValue

_NOTE = (
    "The same seed draws the same faults for the same writes; when they meet, and so what some of "
    "them do, is up to the machine."
)


def struck(result: Result) -> frozenset[Cell]:
    """Return the squares of the matrix at which a process has died."""
    return frozenset(
        verdict.account.trial.cell
        for verdict in result.verdicts
        if verdict.account.injected and verdict.account.trial.cell is not None
    )


def tortured(result: Result) -> tuple[Verdict, ...]:
    """Return the verdicts on keys that were meant to meet a fault, the rehearsal's aside."""
    return tuple(one for one in result.verdicts if one.account.trial.step is not None)


def is_right(result: Result, scores: Sequence[Score]) -> bool:
    """Return whether nothing was done twice, lost or denied, and every control was caught."""
    caught = all(score.duplicates > 0 for score in scores if not score.missing)
    return caught and not any(one.fate in WRONG for one in result.verdicts)


def as_json(result: Result, scores: Sequence[Score]) -> dict[str, JsonValue]:
    """Return everything that the tables say, and the story of each key that went wrong."""
    meant = tortured(result)
    hit, missed = _by_kind(meant, injected=True), _by_kind(meant, injected=False)
    fates = Counter(one.fate for one in result.verdicts)
    settle_ms = _settle_ms(result.verdicts)
    return {
        "store": result.store,
        "seed": result.seed,
        "note": _NOTE,
        "wall_s": round(result.wall_s, 1),
        "servers_started": result.births,
        "faults": {"injected": sum(hit.values()), "by_kind": dict(hit), "missed": dict(missed)},
        "keys": len(result.verdicts),
        "duplicates": fates[Fate.DUPLICATE],
        "lost_silently": fates[Fate.LOST],
        "denied": fates[Fate.DENIED],
        "happened_once": fates[Fate.ONCE],
        "never_happened": fates[Fate.NOT],
        "unknown": {"keys": fates[Fate.UNKNOWN], "applied": _applied(result, Fate.UNKNOWN)},
        "needs_human": {"keys": fates[Fate.PERSON], "applied": _applied(result, Fate.PERSON)},
        "by_write": _by_write(result.verdicts),
        "settle_ms": {
            "p50": _percentile(settle_ms, 0.5),
            "p99": _percentile(settle_ms, 0.99),
            "most": _percentile(settle_ms, 1.0),
        },
        "matrix": {"squares": len(result.cells), "struck": len(struck(result))},
        "wrong": [_story(one) for one in result.verdicts if one.fate in WRONG],
        "undecided": [_story(one) for one in result.verdicts if _is_puzzling(one)],
        "controls": [_score(score) for score in scores],
    }


def as_text(result: Result, scores: Sequence[Score]) -> str:
    """Return the tables."""
    meant = tortured(result)
    hit, missed = _by_kind(meant, injected=True), _by_kind(meant, injected=False)
    fates = Counter(one.fate for one in result.verdicts)
    settle_ms = _settle_ms(result.verdicts)
    lines = [
        f"{sum(hit.values())} faults to {len(result.verdicts)} keys over {result.store}, "
        f"seed {result.seed}, {result.wall_s:.0f} s, {result.births} server starts",
        "",
        f"  {'fault':<36}{'happened':>9}{'missed':>8}",
        *(f"  {kind:<36}{hit[kind]:>9}{missed[kind]:>8}" for kind in sorted(hit | missed)),
        "",
        f"  {'write':<42}{'once':>7}{'never':>7}{'unknown':>9}{'person':>8}{'wrong':>7}",
        *_write_lines(result.verdicts),
        "",
        f"  duplicates     {fates[Fate.DUPLICATE]}",
        f"  lost silently  {fates[Fate.LOST]}",
        f"  denied         {fates[Fate.DENIED]}  (said to have failed, and happened)",
        f"  unknown        {fates[Fate.UNKNOWN]}, of which "
        f"{_applied(result, Fate.UNKNOWN)} had been applied",
        f"  needs a person {fates[Fate.PERSON]}, of which "
        f"{_applied(result, Fate.PERSON)} had been applied",
        f"  settled after  p50 {_percentile(settle_ms, 0.5)} ms, "
        f"p99 {_percentile(settle_ms, 0.99)} ms, at most {_percentile(settle_ms, 1.0)} ms",
        f"  crash matrix   {len(struck(result))} of {len(result.cells)} squares struck",
        *_control_lines(scores),
        *(
            line
            for one in result.verdicts
            if one.fate in WRONG or _is_puzzling(one)
            for line in _story_lines(one)
        ),
        "",
        _NOTE,
    ]
    return "\n".join(lines)


def _is_puzzling(verdict: Verdict) -> bool:
    """Return whether a desk that could tell has left a key undecided."""
    undecided = verdict.fate in (Fate.UNKNOWN, Fate.PERSON)
    return undecided and verdict.account.trial.subject not in BLIND


def _by_kind(verdicts: Sequence[Verdict], *, injected: bool) -> Counter[str]:
    return Counter(
        one.account.trial.kind.value for one in verdicts if one.account.injected is injected
    )


def _by_write(verdicts: Sequence[Verdict]) -> dict[str, JsonValue]:
    counts = Counter((one.account.trial.subject.value, one.fate.value) for one in verdicts)
    subjects = sorted({subject for subject, _ in counts})
    return {
        subject: {fate: n for (of, fate), n in sorted(counts.items()) if of == subject}
        for subject in subjects
    }


def _write_lines(verdicts: Sequence[Verdict]) -> list[str]:
    counts = Counter((one.account.trial.subject.value, one.fate) for one in verdicts)
    return [
        f"  {subject:<42}{counts[subject, Fate.ONCE]:>7}{counts[subject, Fate.NOT]:>7}"
        f"{counts[subject, Fate.UNKNOWN]:>9}{counts[subject, Fate.PERSON]:>8}"
        f"{sum(counts[subject, fate] for fate in WRONG):>7}"
        for subject in sorted({subject for subject, _ in counts})
    ]


def _control_lines(scores: Sequence[Score]) -> list[str]:
    if not scores:
        return []

    lines = ["", f"  {'control':<36}{'faults':>8}{'duplicates':>12}{'lost':>6}"]

    for one in scores:
        if one.missing:
            lines.append(f"  {one.name:<36}needs {', '.join(one.missing)}")
        else:
            lines.append(f"  {one.name:<36}{one.faults:>8}{one.duplicates:>12}{one.lost:>6}")

    return lines


def _applied(result: Result, fate: Fate) -> int:
    return sum(one.effects > 0 for one in result.verdicts if one.fate is fate)


def _settle_ms(verdicts: Sequence[Verdict]) -> list[int]:
    """Return the times from fault to decision, shortest first; none for what a fault outlived."""
    times = [
        round((one.account.decided_s - one.account.struck_s) * 1000)
        for one in verdicts
        if one.account.decided_s is not None and one.account.struck_s is not None
    ]
    return sorted(time_ms for time_ms in times if time_ms >= 0)


def _percentile(ordered: Sequence[int], share: float) -> int | None:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def _score(score: Score) -> JsonValue:
    return {**asdict(score), "missing": list(score.missing), "wall_s": round(score.wall_s, 1)}


def _story(verdict: Verdict) -> JsonValue:
    trial = verdict.account.trial
    return {
        "key": verdict.account.errand.key,
        "fate": verdict.fate.value,
        "effects": verdict.effects,
        "row": None if verdict.row is None else str(verdict.row),
        "trial": str(trial),
        "trail": list(verdict.account.trail),
    }


def _story_lines(verdict: Verdict) -> list[str]:
    return [
        "",
        f"  {verdict.fate}: {verdict.account.errand.key}, {verdict.effects} effects, {verdict.row}",
        f"    {verdict.account.trial}",
        *(f"    {line}" for line in verdict.account.trail),
    ]

"""How well and how fast personal data is found in support messages.

    python -m benchmarks.pii [--rounds 5] [--messages 3200] [--json]

Recall is by kind, over messages that `benchmarks.pii_corpus` makes from templates of seven
languages: a piece counts as found if at least nine tenths of its signs are. False alarms are
messages without personal data in which some is found: the corpus's own, full of numbers that look
like it, and the questions of BANKING77 where they are at hand. The corpus was made by the same
people as the patterns, so its recall says that nothing has got worse; it promises nothing for
your customers. Time is that of the thread on its core for messages of 500 signs, personal data
among plain sentences; figures are medians of the rounds. Nothing is asserted.
"""

import argparse
import csv
import json
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import thread_time_ns

from benchmarks.pii_corpus import Labelled, hard_negatives, long_messages, messages
from benchmarks.reference_loop import reference_loop
from mcp_router.signals.pii_spans import find_pii

BANKING77 = Path(__file__).parents[2] / "shared" / "data" / "banking77" / "train.csv"
COVERED = 0.9
LENGTH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured; times in milliseconds, `ratio` of the median to the reference loop."""

    recall: float
    recall_by_kind: Mapping[str, float]
    false_alarms: Mapping[str, str]  # how many of how many, by where the texts are from
    p50_ms: float
    p95_ms: float
    ratio: float


def recalls(labelled: Iterable[Labelled]) -> tuple[float, Mapping[str, float]]:
    """Return the share of pieces that are found, of all and by kind."""
    asked: Counter[str] = Counter()
    found: Counter[str] = Counter()

    for one in labelled:
        signs = {at for piece in find_pii(one.text) for at in range(piece.start, piece.end)}

        for gold in one.gold:
            hits = sum(at in signs for at in range(gold.start, gold.end))
            asked[gold.kind] += 1
            found[gold.kind] += hits >= COVERED * (gold.end - gold.start)

    by_kind = {kind: found[kind] / asked[kind] for kind in sorted(asked)}
    return sum(found.values()) / sum(asked.values()), by_kind


def alarms(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the texts in which personal data is found."""
    return tuple(text for text in texts if find_pii(text))


def questions() -> tuple[str, ...]:
    """Return the questions of BANKING77, none where they are not at hand."""
    if not BANKING77.is_file():
        return ()

    with BANKING77.open(encoding="utf-8", newline="") as file:
        return tuple(row["text"] for row in csv.DictReader(file))


def times_ms(texts: Sequence[str]) -> tuple[float, float, float]:
    """Return p50 and p95 over the texts, and the median of as many reference loops."""
    taken, loops = [], []

    for text in texts:
        started = thread_time_ns()
        find_pii(text)
        between = thread_time_ns()
        reference_loop()
        taken.append((between - started) / 1e6)
        loops.append((thread_time_ns() - between) / 1e6)

    ordered = sorted(taken)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 95 // 100], statistics.median(loops)


def measured(*, rounds: int, count: int) -> Figures:
    """Return all figures."""
    recall, by_kind = recalls(messages(count))
    sources = {"hard negatives": hard_negatives(count), "banking77": questions()}
    texts = long_messages(400, LENGTH)
    times = [times_ms(texts) for _ in range(rounds)]
    p50_ms, p95_ms, loop_ms = (statistics.median(one[at] for one in times) for at in range(3))
    return Figures(
        recall=recall,
        recall_by_kind=by_kind,
        false_alarms={
            name: f"{len(alarms(given))} of {len(given)}"
            for name, given in sources.items()
            if given
        },
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        ratio=p50_ms / loop_ms,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=3_200)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    figures = measured(rounds=asked.rounds, count=asked.messages)

    if asked.json:
        print(json.dumps(asdict(figures), indent=2))
        return

    print(f"recall                 {figures.recall:.3f}")

    for kind, share in figures.recall_by_kind.items():
        print(f"  {kind:<20} {share:.3f}")

    for name, told in figures.false_alarms.items():
        print(f"false alarms           {told} ({name})")

    print(
        f"time of {LENGTH} signs      p50 {figures.p50_ms:.3f} ms, p95 {figures.p95_ms:.3f} ms, "
        f"{figures.ratio:.1f} reference loops"
    )


if __name__ == "__main__":
    main()

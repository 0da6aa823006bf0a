"""How often a guard of a rollout is wrong, and how many calls it needs to be right.

    python -m benchmarks.guards [--rounds 2000] [--seed 1]

Not speed: simulated candidates against the test that rolls policies back. Each is looked at after
every call (of costs: every tenth one). The first table holds candidates that just keep their
guard, so that every alarm is false; beside it stands a test for one fixed number of calls that is
looked at in the same way. The second one holds candidates that break it. Exits 1 if false alarms
are more than the promise allows, by three standard deviations.
"""

import argparse
import math
import random
import sys
from collections.abc import Callable, Iterator

from mcp_router.domain.rollout import Arm, ArmTally
from mcp_router.policy.evidence import ALPHA, breach
from mcp_router.policy.rollout import read_guards

CALLS = 10_000
"""How many calls of the candidate a round has at most."""

STABLE_CALLS = 2
"""How many calls the stable arm has for each of the candidate."""

COST_LOOKS_EVERY = 10
Z_OF_ALPHA = 2.326  # one-sided, for 1 %

SUCCESS = read_guards("success>=0.99")
P95 = read_guards("p95<=1.2s")
COST = read_guards("cost<=+5%")
ALL = (*SUCCESS, *P95, *COST)

Round = Callable[[random.Random], int | None]


def main() -> int:
    """Run the command line, and return its exit code."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--rounds", type=int, default=2_000)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    rounds: int = chosen.rounds
    rng = random.Random(chosen.seed)
    print(f"False alarms within {CALLS:,} calls, of {rounds:,} rounds; promised: {ALPHA:.1%}")
    worst = 0.0

    for name, play, peeked in (
        ("success>=0.99, 1 % fail", _shares(0.01, 0.0), _peeked(0.01)),
        ("p95<=1.2s, 5 % are slower", _shares(0.0, 0.05), _peeked(0.05)),
        ("cost<=+5%, 5 % dearer", _costs(1.05, sigma=1.0), None),
        ("cost<=+5%, 5 % dearer, heavy tail", _costs(1.05, sigma=1.5), None),
    ):
        false = sum(play(rng) is not None for _ in range(rounds)) / rounds
        beside = "" if peeked is None else f"   a fixed test, peeked at: {_share(rng, peeked, 200)}"
        worst = max(worst, false)
        print(f"  {name:36} {false:.2%}{beside}")

    print("\nCalls until a broken guard is seen (median, nine of ten), and how often it is")

    for name, play in (
        ("success>=0.99, all fail", _shares(1.0, 0.0)),
        ("success>=0.99, 10 % fail", _shares(0.10, 0.0)),
        ("success>=0.99, 5 % fail", _shares(0.05, 0.0)),
        ("success>=0.99, 2 % fail", _shares(0.02, 0.0)),
        ("p95<=1.2s, 20 % are slower", _shares(0.0, 0.20)),
        ("p95<=1.2s, 10 % are slower", _shares(0.0, 0.10)),
        ("cost<=+5%, twice as dear", _costs(2.0, sigma=1.0)),
        ("cost<=+5%, 50 % dearer", _costs(1.5, sigma=1.0)),
        ("cost<=+5%, 20 % dearer", _costs(1.2, sigma=1.0)),
    ):
        print(f"  {name:36} {_power(rng, play, max(50, rounds // 20))}")

    return int(worst > ALPHA + 3 * math.sqrt(ALPHA / rounds))


def _share(rng: random.Random, play: Round, rounds: int) -> str:
    return f"{sum(play(rng) is not None for _ in range(rounds)) / rounds:.0%}"


def _power(rng: random.Random, play: Round, rounds: int) -> str:
    """Return after how many calls a breach is seen, and in how many rounds it is."""
    seen = sorted(found for _ in range(rounds) if (found := play(rng)) is not None)

    if not seen:
        return "never"

    middle, most = seen[len(seen) // 2], seen[min(len(seen) - 1, len(seen) * 9 // 10)]
    return f"{middle:>6,} {most:>6,}   {len(seen) / rounds:.0%}"


def _shares(fails: float, slow: float) -> Round:
    """Return a round of a candidate of whose calls these shares fail and are slow."""
    share = max(fails, slow)

    def play(rng: random.Random) -> int | None:
        for bad, number in enumerate(_hits(rng, share), 1):
            seen = ArmTally(
                arm=Arm.CANDIDATE,
                calls=number,
                ok=number - bad if fails else number,
                slow=bad if slow else 0,
            )

            # Between two bad calls the evidence only falls: no other look can find anything.
            if breach(ALL, ArmTally(arm=Arm.STABLE), seen) is not None:
                return number

        return None

    return play


def _peeked(share: float) -> Round:
    """Return a round of the usual test for a share, looked at after every bad call from 30 on."""

    def play(rng: random.Random) -> int | None:
        for bad, number in enumerate(_hits(rng, share), 1):
            deviation = math.sqrt(number * share * (1 - share))

            if number >= 30 and bad - number * share > Z_OF_ALPHA * deviation:
                return number

        return None

    return play


def _costs(rise: float, *, sigma: float) -> Round:
    """Return a round of a candidate that costs so many times as much, beside a larger stable arm.

    Costs are log-normal: with `sigma` 1 one call of a hundred costs six times the mean.
    """

    def play(rng: random.Random) -> int | None:
        sums = dict.fromkeys(Arm, (0, 0, 0))

        for number in range(1, CALLS + 1):
            _add(rng, sums, Arm.CANDIDATE, rise, sigma)

            for _ in range(STABLE_CALLS):
                _add(rng, sums, Arm.STABLE, 1.0, sigma)

            if number % COST_LOOKS_EVERY == 0:
                stable, candidate = (_tally(arm, sums[arm]) for arm in Arm)

                if breach(COST, stable, candidate) is not None:
                    return number

        return None

    return play


def _add(
    rng: random.Random, sums: dict[Arm, tuple[int, int, int]], arm: Arm, rise: float, sigma: float
) -> None:
    """Add one call of an arm."""
    cost = round(3_000 * rise * rng.lognormvariate(-sigma * sigma / 2, sigma))
    calls, total, squares = sums[arm]
    sums[arm] = (calls + 1, total + cost, squares + cost * cost)


def _tally(arm: Arm, sums: tuple[int, int, int]) -> ArmTally:
    calls, total, squares = sums
    return ArmTally(arm=arm, calls=calls, ok=calls, cost_microusd=total, cost_squares=squares)


def _hits(rng: random.Random, share: float) -> Iterator[int]:
    """Yield the numbers of the calls that are bad."""
    number = 0

    while True:
        if share >= 1:
            number += 1
        else:
            number += 1 + int(math.log(1 - rng.random()) / math.log1p(-share))

        if number > CALLS:
            return

        yield number


if __name__ == "__main__":
    sys.exit(main())

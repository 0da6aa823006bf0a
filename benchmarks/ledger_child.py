"""A process of `benchmarks.ledger`: runs one load after the other, each as a line orders it.

Its loads are found by name when they are ordered, so that a process needs only what it runs:
rivals are installed on few machines.
"""

import importlib
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.ledger_timing import Timing

_CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Run `load` of `module` at `place`, a URL or a folder."""

    module: str
    load: str
    place: str
    callers: int
    seconds: float


class Child:
    """The other end: a process that carries out orders until it is stopped."""

    def __init__(self) -> None:
        """Start the process."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.ledger_child"],
            cwd=_CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, order: Order) -> tuple[Timing, ...]:
        """Return the timings of a load."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()

        if not line:
            raise SystemExit(f"{order.module}.{order.load} failed, see above.")

        return tuple(Timing(**one) for one in json.loads(line))

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


def main() -> None:
    """Carry out orders until the input ends."""
    for line in iter(sys.stdin.readline, ""):
        order = Order(**json.loads(line))
        load = getattr(importlib.import_module(f"benchmarks.{order.module}"), order.load)
        answer = load(order.place, order.callers, order.seconds)
        timings = answer if isinstance(answer, tuple) else (answer,)
        print(json.dumps([asdict(one) for one in timings]), flush=True)


if __name__ == "__main__":
    main()

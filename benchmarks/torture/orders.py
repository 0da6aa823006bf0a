"""What the driver tells the nursery and a running process, as lines of JSON."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum

ROUTER = "router"


class Deed(StrEnum):
    """What a failpoint does to its own process."""

    KILL = "kill"  # SIGKILL: not one more instruction
    STOP = "stop"  # SIGSTOP: it lives and sleeps until somebody sends SIGCONT
    TERM = "term"  # SIGTERM, as a host that closes politely
    SHIFT = "shift"  # the wall clock jumps


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """Which process to fork: the router on a settings file, or a control by its name.

    Its standard error is appended to `errors`. `busy_timeout_ms` is the router's patience with a
    locked SQLite file; `desk` is for controls only.
    """

    role: str
    folder: str
    errors: str
    settings: str = ""
    busy_timeout_ms: int = 5_000
    base_url: str = ""
    ca_bundle: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a running process shall do: count its passages anew, and `deed` at one of them.

    At the `nth` passage of `point` from now on the deed is done, once; no point, no deed.
    `trace` reports each passage. `shift_ms` is what a shift adds to the wall clock; with no point
    it is added now.
    """

    point: str = ""
    nth: int = 1
    deed: Deed = Deed.KILL
    trace: bool = False
    shift_ms: int = 0


def order_line(order: Order) -> bytes:
    """Return the order as one line.

    >>> read_order(order_line(Order(point="store.claim.after"))) == Order(point="store.claim.after")
    True
    """
    return json.dumps(asdict(order)).encode() + b"\n"


def read_order(line: bytes) -> Order:
    """Return the order that a line holds."""
    told = json.loads(line)
    return Order(
        point=str(told["point"]),
        nth=int(told["nth"]),
        deed=Deed(told["deed"]),
        trace=bool(told["trace"]),
        shift_ms=int(told["shift_ms"]),
    )


def birth_line(birth: Birth) -> bytes:
    """Return the birth as one message."""
    return json.dumps(asdict(birth)).encode()


def read_birth(message: bytes) -> Birth:
    """Return the birth that a message holds."""
    told = json.loads(message)
    return Birth(
        role=str(told["role"]),
        folder=str(told["folder"]),
        errors=str(told["errors"]),
        settings=str(told["settings"]),
        busy_timeout_ms=int(told["busy_timeout_ms"]),
        base_url=str(told["base_url"]),
        ca_bundle=str(told["ca_bundle"]),
    )

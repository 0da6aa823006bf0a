"""Who holds an action, and since when: a call in a process of one boot of this machine."""

import os
import sys
import time
from pathlib import Path
from typing import Protocol

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Host(Protocol):
    """The machine as a store in a file sees it: all that share the file share its clocks."""

    @property
    def boot(self) -> str:
        """Return a name of this boot, or "" where the system has none."""

    def now_ms(self) -> int:
        """Return milliseconds since some moment of this boot; no setting of a clock moves them."""

    def wall_ms(self) -> int:
        """Return milliseconds since the epoch, as far as the machine knows."""

    def is_alive(self, owner: str) -> bool:
        """Return whether the process that an owner (`process#call`) belongs to still runs here."""


class ThisHost:
    """The machine that this process runs on."""

    def __init__(self) -> None:
        """Read the name of this boot."""
        self._boot = _boot()

    @property
    def boot(self) -> str:
        """Return the kernel's name of this boot, or "" where there is no /proc."""
        return self._boot

    def now_ms(self) -> int:
        """Return the milliseconds since the boot, sleep included where the system counts it."""
        if sys.platform == "linux":
            return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

        return time.monotonic_ns() // 1_000_000

    def wall_ms(self) -> int:
        """Return the wall clock."""
        return time.time_ns() // 1_000_000

    def is_alive(self, owner: str) -> bool:
        """Return whether the owner's process still runs.

        A name that cannot be read counts as alive: its lease has to run out instead.
        """
        process = owner.partition("#")[0]
        pid = process.partition(":")[2].partition(":")[0]

        if not pid.isdecimal():
            return True

        if _BOOT_ID.exists():
            return process == _name(int(pid))

        return _pid_runs(int(pid))


def this_process() -> str:
    """Return a name for this process that no other process ever had."""
    return _name(os.getpid())


def _boot() -> str:
    """Return the kernel's name of this boot, or "" where it tells none."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _name(pid: int) -> str:
    """Return boot:pid:start; a process that has ended has no start, nor has any without /proc."""
    boot = _boot()

    try:
        # The command name before the fields may hold anything, hence bytes and rpartition.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return f"{boot}:{pid}:"

    # proc(5): field 3 is the state, field 22 the start. A zombie runs no more, though its pid
    # stays taken until its parent asks.
    start = "" if fields[0] in (b"Z", b"X") else fields[19].decode("ascii")
    return f"{boot}:{pid}:{start}"


def _pid_runs(pid: int) -> bool:
    """Return whether any process has that pid, where the system tells no more than that."""
    if os.name == "nt":
        return True  # there, signal 0 would interrupt the process; the lease has to run out

    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # it runs under another user

    return True

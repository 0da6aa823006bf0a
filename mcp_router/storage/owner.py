"""Who holds an action: a call inside this boot of this machine, this process, since its start."""

import os
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def this_process() -> str:
    """Return a name for this process that no other process ever had."""
    return _name(os.getpid())


def is_alive(owner: str) -> bool:
    """Return whether the process that an owner (`process#call`) belongs to still runs here.

    A name that cannot be read counts as alive: its lease has to run out instead.
    """
    process = owner.partition("#")[0]
    pid = process.partition(":")[2].partition(":")[0]

    if not pid.isdecimal():
        return True

    if _BOOT_ID.exists():
        return process == _name(int(pid))

    return _pid_runs(int(pid))


def _name(pid: int) -> str:
    """Return boot:pid:start; a process that has ended has no start, nor has any without /proc."""
    try:
        boot = _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return f":{pid}:"

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

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

    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it runs under another user

    return process == _name(int(pid))


def _name(pid: int) -> str:
    """Return boot:pid:start; where the system tells neither, the pid alone."""
    try:
        boot = _BOOT_ID.read_text(encoding="ascii").strip()
        # Field 22 is the start time; the command name before it may hold spaces, hence rpartition.
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        start = stat.split()[19]
    except OSError:
        boot, start = "", ""

    return f"{boot}:{pid}:{start}"

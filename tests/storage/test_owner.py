"""Whether the holder of an action still runs: by pid, start and boot, never by pid alone."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_router.storage.owner import ThisHost, this_process

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="start times are read from /proc"
)


@pytest.fixture
def child() -> Iterator["subprocess.Popen[str]"]:
    """A process that waits until its input is closed."""
    running = subprocess.Popen(
        [sys.executable, "-c", "input()"],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    with running:
        yield running
        running.kill()


def name_of(pid: int) -> str:
    """Name a process as it would name itself."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    start = stat.rpartition(")")[2].split()[19]
    boot = this_process().partition(":")[0]
    return f"{boot}:{pid}:{start}"


def test_a_process_names_itself_by_boot_pid_and_start() -> None:
    assert this_process() == name_of(os.getpid())
    assert this_process() == this_process()


def test_this_process_is_alive_for_every_call_of_it() -> None:
    assert ThisHost().is_alive(this_process())
    assert ThisHost().is_alive(f"{this_process()}#call_1")


def test_another_process_is_alive_until_it_has_ended(child: "subprocess.Popen[str]") -> None:
    owner = f"{name_of(child.pid)}#call_1"
    assert ThisHost().is_alive(owner)

    child.kill()
    child.wait(10)

    assert not ThisHost().is_alive(owner)


def test_a_process_that_ended_but_was_not_collected_is_dead(
    child: "subprocess.Popen[str]",
) -> None:
    owner = f"{name_of(child.pid)}#call_1"
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, still in the process table

    assert not ThisHost().is_alive(owner)


def test_a_pid_that_another_process_has_now_is_not_the_owner(
    child: "subprocess.Popen[str]",
) -> None:
    boot, pid, start = name_of(child.pid).split(":")

    assert not ThisHost().is_alive(f"{boot}:{pid}:{int(start) - 1}#call_1")


def test_an_owner_from_before_the_last_boot_is_dead() -> None:
    _, pid, start = this_process().split(":")

    assert not ThisHost().is_alive(f"another-boot:{pid}:{start}#call_1")


@pytest.mark.parametrize("owner", ["", "#call", "replica-3", "replica-3#call", "a:b:c#call"])
def test_a_name_that_cannot_be_read_counts_as_alive(owner: str) -> None:
    assert ThisHost().is_alive(owner)


@pytest.mark.parametrize("pid", [0, 2**31, 10**30])
def test_a_pid_that_no_process_can_have_is_dead(pid: int) -> None:
    boot, _, start = this_process().split(":")

    assert not ThisHost().is_alive(f"{boot}:{pid}:{start}#call")


def test_the_clock_of_the_boot_goes_on_whatever_the_wall_clock_says() -> None:
    host = ThisHost()
    up_ms = round(float(Path("/proc/uptime").read_text(encoding="ascii").split()[0]) * 1000)

    first = host.now_ms()

    assert abs(first - up_ms) < 10_000
    assert host.now_ms() >= first
    assert abs(host.wall_ms() - time.time() * 1000) < 10_000


def test_a_boot_has_the_name_that_its_processes_have() -> None:
    assert ThisHost().boot == this_process().partition(":")[0] != ""

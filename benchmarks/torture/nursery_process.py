"""The nursery: a process that has imported everything and forks a server for each start.

    python -m benchmarks.torture.nursery_process FD [--controls]

`FD` is one end of a sequenced-packet socket. Each message is a birth with three descriptors: the
child's standard input, its standard output and its end of the control stream. The answer is the
pid. The process has one thread, so that a fork leaves nothing behind that a thread held; it
allows the kernel to bury its children, so that a killed one is gone at once and no zombie.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
from pathlib import Path

from benchmarks.torture.child import run_child
from benchmarks.torture.orders import read_birth
from benchmarks.torture.warm_up import import_controls, warm_up

_MOST_BYTES = 65_536
_DESCRIPTORS = 3


def main(descriptor: int, *, with_controls: bool) -> None:
    """Fork until the driver hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    warm_up()

    if with_controls:
        import_controls()

    # A child that writes the counters of inherited objects would copy their pages.
    gc.collect()
    gc.freeze()

    with socket.socket(fileno=descriptor) as driver:
        while True:
            message, descriptors, _, _ = socket.recv_fds(driver, _MOST_BYTES, _DESCRIPTORS)

            if not message:
                return

            pid = os.fork()

            if pid == 0:
                driver.close()
                _become(message, descriptors)

            for each in descriptors:
                os.close(each)

            driver.send(str(pid).encode())


def _become(message: bytes, descriptors: list[int]) -> None:
    """Turn this fork into the child that was asked for, and end it."""
    code = 1

    try:
        birth = read_birth(message)
        stdin, stdout, control = descriptors
        errors = os.open(birth.errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(stdin, 0)
        os.dup2(stdout, 1)
        os.dup2(errors, 2)

        for each in (stdin, stdout, errors):
            os.close(each)

        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # New objects: the inherited ones may be closed, and their buffers are the nursery's.
        sys.stdin = os.fdopen(0, "r", encoding="utf-8", closefd=False)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
        os.chdir(Path(birth.folder))
        run_child(birth, socket.socket(fileno=control))
        code = 0
    except (SystemExit, KeyboardInterrupt, asyncio.CancelledError):
        code = 2
    except BaseException:
        sys.excepthook(*sys.exc_info())
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(int(sys.argv[1]), with_controls="--controls" in sys.argv)

"""Where signed heads are put outside the database, a line each."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import anyio.to_thread

from mcp_router.errors import StorageUnavailable


class Sink(Protocol):
    """Takes one line; `name` says where to, for messages."""

    name: str

    async def send(self, line: str) -> None:
        """Return once the line is out of our hands.

        Raises:
            StorageUnavailable: it is not; the same line may be sent again.
        """


class FileSink:
    """Appends to a file, on disk before `send` returns."""

    def __init__(self, path: Path) -> None:
        """Append to `path`, which is made where it is missing."""
        self.name = f"the file {path}"
        self._path = path

    async def send(self, line: str) -> None:
        """Append the line.

        Raises:
            StorageUnavailable: the file cannot be written.
        """
        try:
            await anyio.to_thread.run_sync(self._append, line)
        except OSError as error:
            raise StorageUnavailable(
                f"A head cannot be appended to {self.name} ({error.strerror})."
            ) from None

    def _append(self, line: str) -> None:
        """Append and flush."""
        self._path.parent.mkdir(parents=True, exist_ok=True)

        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
            file.flush()
            os.fsync(file.fileno())


def _print(line: str) -> None:
    """Print to whatever is standard output now."""
    print(line, file=sys.stdout, flush=True)  # noqa: T201  # what this anchor is for


class OutputSink:
    """Prints; whoever collects the server's output keeps the head."""

    name = "standard output"

    def __init__(self, show: Callable[[str], None] = _print) -> None:
        """Print with `show`."""
        self._show = show

    async def send(self, line: str) -> None:
        """Print the line.

        Raises:
            StorageUnavailable: nobody reads the output any more.
        """
        try:
            self._show(line)
        except OSError as error:
            raise StorageUnavailable(
                f"A head cannot be printed to standard output ({error.strerror})."
            ) from None

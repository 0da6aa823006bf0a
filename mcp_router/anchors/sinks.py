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
        # Half a line of before may be there, from a full disk or a power cut. It is not cut off:
        # another replica may be appending to the same file.
        start = "\n" if self._is_torn() else ""

        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{start}{line}\n")
            file.flush()
            os.fsync(file.fileno())

    def _is_torn(self) -> bool:
        """Return whether the file ends within a line, as far as we may see that."""
        if not self._path.is_file():  # nothing yet, or a device
            return False

        try:
            with self._path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - 1))
                return file.read(1) not in (b"", b"\n")
        except PermissionError:  # who may only append
            return False


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

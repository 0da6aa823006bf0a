"""Where commands write: the console that tables go to, and files."""

import sys
from pathlib import Path

from rich.console import Console

from mcp_router.errors import FileUnusable

PIPED_WIDTH = 140

_PRECIOUS = (b"SQLite format 3\0", b"-----BEGIN ")
"""How a database and a key begin: nobody means to write a report over one of them."""


def table_console() -> Console:
    """Return standard output: as wide as the terminal, or wide enough for every table of ours.

    A pipe has no width, and rich's guess of 80 columns would cut names off.
    """
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    return Console(highlight=False, markup=False, width=width)


def unwritable(error: OSError) -> FileUnusable:
    """Return the coded error for an output file that cannot be opened, written or closed."""
    return FileUnusable(
        f"The output file cannot be written: {error.strerror}.",
        next_step="Name a file in a folder that exists, on a disk with room.",
    )


def check_output(output: Path | None, *read: Path | None) -> None:
    """Find out, before any work, whether a file may be written; what was not there is not made.

    Raises:
        FileUnusable: it cannot be written, or it is one of those that are `read`, a database or a
            key, which would be lost.
    """
    if output is None:
        return

    try:
        if _is_precious(output) or any(one is not None and _is_same(output, one) for one in read):
            raise FileUnusable(
                "The output file is one that is read here, a database or a key: it would be lost.",
                next_step="Name another file.",
            )

        is_new = not output.exists()

        if is_new or output.is_file() or output.is_dir():  # whoever reads a pipe would see its end
            output.open("ab").close()
    except OSError as error:
        raise unwritable(error) from None

    if is_new:
        output.resolve().unlink()  # of a link the file that it leads to


def _is_precious(file: Path) -> bool:
    """Return whether there is a database or a key."""
    if not file.is_file():
        return False

    with file.open("rb") as stream:
        return stream.read(max(map(len, _PRECIOUS))).startswith(_PRECIOUS)


def _is_same(output: Path, read: Path) -> bool:
    """Return whether both name the same file, however they do it."""
    return output.exists() and read.exists() and output.samefile(read)

"""Where commands write: the console that tables go to, and files."""

import sys

from rich.console import Console

from mcp_router.errors import FileUnusable

PIPED_WIDTH = 140


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

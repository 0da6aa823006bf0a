"""The console that tables are printed to."""

import sys

from rich.console import Console

PIPED_WIDTH = 140


def table_console() -> Console:
    """Return standard output: as wide as the terminal, or wide enough for every table of ours.

    A pipe has no width, and rich's guess of 80 columns would cut names off.
    """
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    return Console(highlight=False, markup=False, width=width)

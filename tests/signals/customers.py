"""Questions that customers really asked, where the public data set is at hand."""

import csv
from functools import cache

import pytest

from tests.source_tree import CHECKOUT

# PolyAI-LDN/task-specific-datasets, CC BY 4.0: never part of the checkout, beside it where at hand.
BANKING77 = CHECKOUT.parent / "shared" / "data" / "banking77" / "train.csv"


@cache
def _rows() -> tuple[tuple[str, str], ...]:
    with BANKING77.open(encoding="utf-8", newline="") as file:
        return tuple((row["text"], row["category"]) for row in csv.DictReader(file))


def labelled() -> tuple[tuple[str, str], ...]:
    """Return 10,003 questions to a bank, each with what it is about; skips where there are none."""
    if not BANKING77.is_file():
        pytest.skip("the training part of BANKING77 is not beside the checkout")

    return _rows()


def questions() -> tuple[str, ...]:
    return tuple(text for text, _ in labelled())

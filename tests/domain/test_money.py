from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_router.domain.money import format_usd, microusd, short_usd, usd


@pytest.mark.parametrize(
    ("dollars", "micro"),
    [
        ("0", 0),
        ("0.000001", 1),
        ("0.0000010000001", 2),
        ("0.0000000000000000001", 1),
        ("0.0025", 2_500),
        ("1", 1_000_000),
        ("1234567.8912345", 1_234_567_891_235),
        ("-0.0000005", 0),
    ],
)
def test_dollars_are_rounded_up_to_whole_micro_dollars(dollars: str, micro: int) -> None:
    assert microusd(Decimal(dollars)) == micro


@given(st.decimals(0, 10**6, places=12))
def test_a_cost_is_never_recorded_too_low_nor_a_micro_dollar_too_high(dollars: Decimal) -> None:
    exact = dollars * 1_000_000

    assert exact <= microusd(dollars) < exact + 1


@given(st.integers(0, 10**12))
def test_micro_dollars_survive_as_dollars(micro: int) -> None:
    assert microusd(Decimal(str(usd(micro)))) == micro


@pytest.mark.parametrize(
    ("micro", "text"), [(0, "$0.000000"), (1, "$0.000001"), (2_500_000, "$2.500000")]
)
def test_dollars_are_shown_with_six_decimals(micro: int, text: str) -> None:
    assert format_usd(micro) == text


@pytest.mark.parametrize(
    ("micro", "text"),
    [
        (0, "$0.00"),
        (1, "$0.000001"),
        (4_000, "$0.004"),
        (500_000, "$0.50"),
        (1_000_000, "$1.00"),
        (1_230_000_000, "$1230.00"),
        (-20_000, "-$0.02"),
    ],
)
def test_dollars_are_told_with_no_more_decimals_than_they_need(micro: int, text: str) -> None:
    assert short_usd(micro) == text

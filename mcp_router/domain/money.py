"""Money as whole micro-dollars, so that sums are exact and canonical JSON is stable."""

from decimal import ROUND_CEILING, Decimal

MICRO = 1_000_000


def microusd(dollars: Decimal) -> int:
    """Return `dollars` in micro-dollars, rounded up so that a cost is never recorded too low.

    >>> microusd(Decimal("0.0000001"))
    1
    """
    return int((dollars * MICRO).to_integral_value(rounding=ROUND_CEILING))


def usd(amount_microusd: int) -> float:
    """Return micro-dollars as dollars, for people and for structured results.

    >>> usd(2_500)
    0.0025
    """
    return amount_microusd / MICRO


def format_usd(amount_microusd: int) -> str:
    """Return dollars with the six decimals that a single cheap answer needs.

    >>> format_usd(1_234)
    '$0.001234'
    """
    return f"${Decimal(amount_microusd) / MICRO:.6f}"


def short_usd(amount_microusd: int) -> str:
    """Return dollars as people write them: two decimals, and more only where they say something.

    >>> short_usd(500_000), short_usd(4_000), short_usd(-20_000)
    ('$0.50', '$0.004', '-$0.02')
    """
    whole, rest = divmod(abs(amount_microusd), MICRO)
    decimals = f"{rest:06}".rstrip("0").ljust(2, "0")
    return f"{'-' if amount_microusd < 0 else ''}${whole}.{decimals}"

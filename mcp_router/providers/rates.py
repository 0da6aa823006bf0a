"""What a token costs: one model's list price at one time."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from genai_prices.types import ModelPrice, TieredPrices

from mcp_router.domain.completion import Usage
from mcp_router.domain.target import MILLION, Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Micro-dollars per token; `steps` replace `base` for prompts longer than their start.

    A step counts for every token of the call, not only for those beyond it.
    """

    base: Decimal
    steps: tuple[tuple[int, Decimal], ...] = ()

    def at(self, input_tokens: int) -> Decimal:
        """Return the rate for a call with that many input tokens."""
        rate = self.base

        for start, stepped in self.steps:
            if input_tokens > start:
                rate = stepped

        return rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The four rates of a model; where a list has none for the cache, it is that of input."""

    input: Rate
    output: Rate
    cache_read: Rate
    cache_write: Rate

    def cost(self, usage: Usage) -> int:
        """Return micro-dollars, rounded up."""
        length = usage.input_tokens
        cached = usage.cache_read_tokens + usage.cache_write_tokens
        total = (
            self.input.at(length) * max(usage.input_tokens - cached, 0)
            + self.cache_read.at(length) * usage.cache_read_tokens
            + self.cache_write.at(length) * usage.cache_write_tokens
            + self.output.at(length) * usage.output_tokens
        )
        return int(total.to_integral_value(rounding=ROUND_CEILING))

    def price(self, prompt_tokens: int) -> Price:
        """Return the rates for a prompt of that length, each rounded up to a whole micro-dollar.

        They are per million tokens, so that no list price is changed by the rounding.
        """
        return Price(
            input=_per_million(self.input.at(prompt_tokens)),
            output=_per_million(self.output.at(prompt_tokens)),
        )


def _per_million(rate: Decimal) -> int:
    return int((rate * MILLION).to_integral_value(rounding=ROUND_CEILING))


def own_rates(price: Price) -> Rates:
    """Return the rates of a price from router.yaml, which knows no discount for the cache."""
    paid = Rate(base=Decimal(price.input) / MILLION)
    return Rates(
        input=paid,
        output=Rate(base=Decimal(price.output) / MILLION),
        cache_read=paid,
        cache_write=paid,
    )


def listed_rates(prices: ModelPrice) -> Rates | None:
    """Return the rates of a price list's entry, None when it does not price both directions.

    Embeddings and speech models are priced otherwise; taking the missing half for free would
    record a cost too low.
    """
    paid, made = prices.input_mtok, prices.output_mtok

    if paid is None or made is None:
        return None

    read, written = prices.cache_read_mtok, prices.cache_write_mtok
    return Rates(
        input=_rate(paid),
        output=_rate(made),
        cache_read=_rate(paid if read is None else read),
        cache_write=_rate(paid if written is None else written),
    )


def _rate(price: Decimal | TieredPrices) -> Rate:
    """Return a rate from dollars per million tokens, which is micro-dollars per token."""
    if isinstance(price, TieredPrices):
        return Rate(base=price.base, steps=tuple((step.start, step.price) for step in price.tiers))

    return Rate(base=price)

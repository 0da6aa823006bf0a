"""What a completion costs, by genai-prices' list as it was installed, or by router.yaml.

Nothing is fetched: the list is a file of the package, so a record's `price_table` names exactly
the prices that it was made with.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from genai_prices.data_snapshot import DataSnapshot, get_snapshot
from genai_prices.types import ModelInfo, ModelPrice

from mcp_router.clock import Clock
from mcp_router.domain.completion import Usage
from mcp_router.domain.target import ModelTarget, Price
from mcp_router.providers.rates import Rates, listed_rates, own_rates
from mcp_router.settings import ProviderKind, ProviderSettings

OWN_PRICES = "router.yaml"  # the price table of a model that brings its own price

_VENDORS = {
    ProviderKind.ANTHROPIC: "anthropic",
    ProviderKind.OPENAI: "openai",
    ProviderKind.GEMINI: "google",
}


class PriceBook:
    """The prices of every model that can be called. Lookups are kept: a price costs microseconds.

    A model without a price is not free: its cost is None, and `knows` says so beforehand.
    """

    def __init__(self, providers: Iterable[ProviderSettings], clock: Clock) -> None:
        """Price the models of these providers, by the vendor whose address they have.

        A provider at an address that no vendor has (a proxy, a sandbox) is priced like the vendor
        of its kind. `clock` tells which of a model's prices are in force.
        """
        self.version = f"genai-prices {version('genai-prices')}"
        self._clock = clock
        self._list = get_snapshot()
        self._vendors = {one.name: _vendor(self._list, one) for one in providers}
        self._entries: dict[ModelTarget, _Entry | None] = {}

    def knows(self, model: ModelTarget) -> bool:
        """Return whether `model` has a price, its own or a listed one."""
        return self._entry(model) is not None

    def table(self, model: ModelTarget) -> str:
        """Return where the price of `model` comes from: this book's `version` or router.yaml."""
        return OWN_PRICES if model.price else self.version

    def cost(self, model: ModelTarget, usage: Usage, at_ms: int | None = None) -> int | None:
        """Return what `usage` cost at that time (now if None), in micro-dollars rounded up.

        None means that nobody knows: the list has no such model and it brings no price.
        """
        entry = self._entry(model)

        if entry is None:
            return None

        return entry.rates(self._clock.now_ms() if at_ms is None else at_ms).cost(usage)

    def price(self, model: ModelTarget, prompt_tokens: int) -> Price | None:
        """Return what a call with a prompt of that length costs now; None where nobody knows."""
        entry = self._entry(model)
        return None if entry is None else entry.rates(self._clock.now_ms()).price(prompt_tokens)

    def _entry(self, model: ModelTarget) -> "_Entry | None":
        if model not in self._entries:
            self._entries[model] = self._look_up(model)

        return self._entries[model]

    def _look_up(self, model: ModelTarget) -> "_Entry | None":
        if model.price:
            return _Entry(schedule=((None, own_rates(model.price)),))

        vendor = self._vendors.get(model.provider)

        if vendor is None:
            return None

        try:
            name = model.model.removeprefix("models/")
            _, info = self._list.find_provider_model(name, None, vendor, None)
        except LookupError:
            return None

        return _listed(info)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """The rates of one model; `info` says which price of the list is in force."""

    schedule: tuple[tuple[ModelPrice | None, Rates], ...]
    info: ModelInfo | None = None

    def rates(self, at_ms: int) -> Rates:
        """Return the rates at that time."""
        if self.info is None or len(self.schedule) == 1:
            return self.schedule[0][1]

        current = self.info.get_prices(datetime.fromtimestamp(at_ms / 1000, tz=UTC))
        return next(rates for listed, rates in self.schedule if listed is current)


def _listed(info: ModelInfo) -> _Entry | None:
    """Return the entry of a listed model, None when one of its prices is incomplete."""
    if isinstance(info.prices, ModelPrice):
        prices = [info.prices]
    else:
        prices = [conditional.prices for conditional in info.prices]

    schedule = [(listed, rates) for listed in prices if (rates := listed_rates(listed))]
    complete = prices and len(schedule) == len(prices)
    return _Entry(schedule=tuple(schedule), info=info) if complete else None


def _vendor(listed: DataSnapshot, settings: ProviderSettings) -> str:
    try:
        return listed.find_provider(None, None, settings.base_url).id
    except LookupError:
        return _VENDORS[settings.kind]

"""What completions cost, and what happens where nobody knows."""

from datetime import UTC, datetime
from decimal import ROUND_CEILING
from importlib.metadata import version

import pytest
from genai_prices import Usage as ListedUsage
from genai_prices import calc_price

from mcp_router.clock import SystemClock
from mcp_router.domain.completion import Usage
from mcp_router.domain.secret import Secret
from mcp_router.domain.target import ModelTarget, Price
from mcp_router.providers.prices import PriceBook
from mcp_router.sandbox.models.catalog import CATALOG
from mcp_router.settings import ProviderKind, ProviderSettings

NOW_MS = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1000)
LOOPBACK = "https://127.0.0.1:9"
VENDORS = {
    ProviderKind.ANTHROPIC: "anthropic",
    ProviderKind.OPENAI: "openai",
    ProviderKind.GEMINI: "google",
}


def settings(kind: ProviderKind, base_url: str = LOOPBACK) -> ProviderSettings:
    return ProviderSettings(name=kind.value, kind=kind, api_key=Secret("k"), base_url=base_url)


def target(kind: ProviderKind, name: str, price: Price | None = None) -> ModelTarget:
    return ModelTarget(name="m", provider=kind.value, model=name, family="f", price=price)


HAIKU = target(ProviderKind.ANTHROPIC, "claude-haiku-4-5")
BOOK = PriceBook([settings(kind) for kind in ProviderKind], SystemClock())


def test_the_version_names_the_installed_list() -> None:
    assert BOOK.version == f"genai-prices {version('genai-prices')}"
    assert BOOK.table(HAIKU) == BOOK.version


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(input_tokens=1000, output_tokens=100), 1500),
        (Usage(input_tokens=1000, output_tokens=100, cache_read_tokens=400), 1140),
        (Usage(input_tokens=1000, output_tokens=100, cache_write_tokens=400), 1600),
        (Usage(input_tokens=0, output_tokens=0), 0),
        # 0.1 micro-dollars for one cached token, rounded up
        (Usage(input_tokens=1, output_tokens=0, cache_read_tokens=1), 1),
        # more cached than there was, as no vendor should say: never below the parts it names
        (Usage(input_tokens=10, output_tokens=0, cache_read_tokens=100), 10),
    ],
)
def test_what_haiku_costs_at_1_dollar_in_and_5_out(usage: Usage, expected: int) -> None:
    assert BOOK.cost(HAIKU, usage, NOW_MS) == expected


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (ProviderKind.ANTHROPIC, "claude-haiku-4-5"),
        (ProviderKind.ANTHROPIC, "claude-haiku-4-5-20251001"),
        (ProviderKind.ANTHROPIC, "claude-sonnet-4-5"),
        (ProviderKind.ANTHROPIC, "claude-sonnet-4-6"),
        (ProviderKind.ANTHROPIC, "claude-opus-4-6"),
        (ProviderKind.OPENAI, "gpt-4o"),
        (ProviderKind.OPENAI, "gpt-5-mini"),
        (ProviderKind.OPENAI, "gpt-5.6-luna"),
        (ProviderKind.OPENAI, "o3"),
        (ProviderKind.GEMINI, "gemini-2.5-flash"),
        (ProviderKind.GEMINI, "gemini-2.5-pro"),
        (ProviderKind.GEMINI, "gemini-3-pro-preview"),
        (ProviderKind.GEMINI, "gemini-3.6-flash"),
    ],
)
@pytest.mark.parametrize(
    "when", [datetime(2025, 6, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)]
)
@pytest.mark.parametrize(
    "usage",
    [
        Usage(input_tokens=1, output_tokens=1),
        Usage(input_tokens=200_000, output_tokens=777, cache_read_tokens=1024),
        Usage(input_tokens=200_001, output_tokens=777, cache_read_tokens=1024),
        Usage(input_tokens=300_000, output_tokens=9, cache_read_tokens=7, cache_write_tokens=11),
    ],
)
def test_costs_agree_with_the_list_at_any_time_and_length(
    kind: ProviderKind, name: str, when: datetime, usage: Usage
) -> None:
    listed = calc_price(
        ListedUsage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
        ),
        name,
        provider_id=VENDORS[kind],
        genai_request_timestamp=when,
    ).total_price
    expected = int((listed * 1_000_000).to_integral_value(rounding=ROUND_CEILING))

    assert expected > 0
    assert BOOK.cost(target(kind, name), usage, int(when.timestamp() * 1000)) == expected


def test_the_clock_tells_the_time_where_none_is_given() -> None:
    usage = Usage(input_tokens=1000, output_tokens=0)
    flash = target(ProviderKind.GEMINI, "gemini-3.6-flash")

    class Later(SystemClock):
        def now_ms(self) -> int:
            return int(datetime(2027, 2, 1, tzinfo=UTC).timestamp() * 1000)

    book = PriceBook([settings(ProviderKind.GEMINI)], Later())

    assert book.cost(flash, usage) == 1500
    assert book.cost(flash, usage, NOW_MS) == 750


def test_without_a_cache_every_token_has_its_full_price() -> None:
    assert BOOK.cost(HAIKU, Usage(input_tokens=1000, output_tokens=1024)) == 1000 + 5 * 1024


def test_a_price_from_router_yaml_goes_before_the_list() -> None:
    own = target(ProviderKind.ANTHROPIC, "claude-haiku-4-5", Price(input=2_500_000, output=1))
    usage = Usage(input_tokens=3, output_tokens=1, cache_read_tokens=2, cache_write_tokens=1)

    assert BOOK.table(own) == "router.yaml"
    assert BOOK.cost(own, usage, NOW_MS) == 8  # 7.5 and a millionth, rounded up


def test_a_model_that_brings_its_price_needs_no_list() -> None:
    own = target(ProviderKind.OPENAI, "in-house", Price(input=0, output=0))

    assert BOOK.knows(own)
    assert BOOK.cost(own, Usage(input_tokens=9, output_tokens=9), NOW_MS) == 0


@pytest.mark.parametrize(
    "unknown",
    [
        target(ProviderKind.OPENAI, "in-house"),
        target(ProviderKind.OPENAI, "claude-haiku-4-5"),
        target(ProviderKind.OPENAI, "text-embedding-3-small"),
        ModelTarget(name="m", provider="nowhere", model="gpt-4o", family="f"),
    ],
)
def test_a_model_without_a_price_is_unknown_and_never_free(unknown: ModelTarget) -> None:
    assert not BOOK.knows(unknown)
    assert BOOK.cost(unknown, Usage(input_tokens=1, output_tokens=1), NOW_MS) is None


def test_a_model_at_a_vendor_s_address_has_that_vendor_s_price() -> None:
    book = PriceBook(
        [settings(ProviderKind.OPENAI, "https://api.groq.com/openai/v1")], SystemClock()
    )

    assert book.knows(target(ProviderKind.OPENAI, "llama-3.3-70b-versatile"))
    assert not book.knows(target(ProviderKind.OPENAI, "gpt-4o"))


def test_google_s_own_spelling_of_a_model_has_a_price() -> None:
    assert BOOK.knows(target(ProviderKind.GEMINI, "models/gemini-2.5-flash"))


def test_every_model_of_the_sandbox_has_a_price() -> None:
    assert [one.name for one in CATALOG if not BOOK.knows(target(one.kind, one.model))] == []

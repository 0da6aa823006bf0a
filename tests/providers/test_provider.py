"""Opening a provider; what it does once open is in tests/contract."""

import pytest

from mcp_router.domain.secret import Secret
from mcp_router.errors import InvalidSettings
from mcp_router.execute.targets import Prices as PricesOfTheWalks
from mcp_router.execute.targets import Provider as ProviderOfTheWalks
from mcp_router.providers.prices import PriceBook
from mcp_router.providers.provider import Provider, open_provider
from mcp_router.settings import ProviderKind, ProviderSettings


def settings(kind: ProviderKind = ProviderKind.OPENAI, *, key: str = "k") -> ProviderSettings:
    return ProviderSettings(
        name="p", kind=kind, api_key=Secret(key), base_url="https://127.0.0.1:9"
    )


@pytest.mark.parametrize("kind", list(ProviderKind))
async def test_opening_and_closing_touches_no_network(kind: ProviderKind) -> None:
    provider = open_provider(settings(kind))

    assert (provider.name, provider.kind) == ("p", kind)

    await provider.aclose()
    await provider.aclose()


@pytest.mark.parametrize("key", ["", "schlüssel", "two\nlines", "nul\0"])
def test_a_key_that_no_header_carries_is_refused_at_the_start(key: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        open_provider(settings(key=key))

    assert caught.value.message == "providers.p.api_key is empty or not made of plain characters."


def walks(provider: Provider, prices: PriceBook) -> tuple[ProviderOfTheWalks, PricesOfTheWalks]:
    """Hold, for the type checker, that the walks can use both as they are."""
    return provider, prices

"""`models:` in router.yaml: what policies may name, what it costs and what is promised of it."""

from collections.abc import Iterator
from decimal import Decimal

from pydantic import Field

from mcp_router.domain.money import microusd
from mcp_router.domain.target import ModelTarget, Price
from mcp_router.fields import Name, Text, named
from mcp_router.review import Form, Review, suggest


class _PriceForm(Form):
    """US dollars per million tokens."""

    input: float = Field(ge=0, le=100_000, allow_inf_nan=False)
    output: float = Field(ge=0, le=100_000, allow_inf_nan=False)


class _ModelForm(Form):
    provider: str
    model: Text
    family: Name
    context_tokens: int | None = Field(default=None, gt=0)
    price: _PriceForm | None = None
    residency: Name | None = None
    retention_days: int | None = Field(default=None, ge=0, le=3650)
    capabilities: list[Name] | None = None


def read_models(review: Review) -> Iterator[ModelTarget]:
    """Yield the section's models; a mistake in one is kept by the review."""
    providers = review.names(("providers",))

    for name, path in named(review, "models"):
        form = review.read(_ModelForm, path)

        if form is None:
            continue

        if form.provider not in providers:
            advice = suggest(form.provider, providers)
            review.add((*path, "provider"), f"the name of a provider in this file{advice}")

        yield ModelTarget(
            name=name,
            provider=form.provider,
            model=form.model,
            family=form.family,
            context_tokens=form.context_tokens,
            price=_price(form.price) if form.price else None,
            residency=form.residency,
            retention_days=form.retention_days,
            capabilities=None if form.capabilities is None else tuple(sorted({*form.capabilities})),
        )


def _price(form: _PriceForm) -> Price:
    """Return dollars as micro-dollars; a float's shortest text is the number that was written."""
    return Price(
        input=microusd(Decimal(str(form.input))), output=microusd(Decimal(str(form.output)))
    )

"""A policy document whose parts have the right shape, before `check` asks whether they make sense.

The parts are read one by one, so that a mistake in one hides no mistake in another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BeforeValidator, Field, Strict

from mcp_router.domain.learning import LearningMode
from mcp_router.domain.policy import FallbackOrder, PoolStrategy
from mcp_router.marked_yaml import YamlPath, YamlValue
from mcp_router.policy.cases import CasePart, case_parts
from mcp_router.policy.draft_rules import DefaultLimitsForm, PlaceForm, RuleForm, ToolForm
from mcp_router.policy.draft_words import (
    MAX_PARTS,
    Budget,
    Line,
    PolicyName,
    Prose,
    Share,
    TargetName,
)
from mcp_router.review import Form, Review


def _target(value: YamlValue) -> YamlValue:
    """Let the name of a target stand for a target without more to say."""
    return {"target": value} if isinstance(value, str) else value


class IntentForm(Form):
    """Something customers want, by example."""

    examples: list[Line] = Field(
        min_length=1, max_length=MAX_PARTS, description="phrases as customers write them"
    )
    account_specific: bool | None = Field(
        default=None,
        description="true: an answer holds facts of one customer, and is never given to another",
    )


class TargetForm(Form):
    """A member of a pool; a bare name stands for one without a quality."""

    target: TargetName = Field(description="the name of a model or desk in router.yaml")
    quality: Share | None = Field(
        default=None,
        description="the share of good answers in an evaluation of yours; required where the "
        "strategy or a rule ranks by it",
    )


class WeightsForm(Form):
    """How much each factor counts in a balanced pool; only their proportions matter."""

    cost: float = Field(default=0, ge=0, le=1_000, description="the price of this very call")
    latency: float = Field(default=0, ge=0, le=1_000, description="the p95 of the last minutes")
    success: float = Field(
        default=0, ge=0, le=1_000, description="the share of attempts that answered"
    )
    quality: float = Field(default=0, ge=0, le=1_000, description="the target's `quality`")


_Target = Annotated[
    TargetForm, BeforeValidator(_target, json_schema_input_type=TargetName | TargetForm)
]


class PoolForm(Form):
    """A named set of targets."""

    kind: Literal["model", "desk"] = Field(
        default="model", description="whether its targets are models or desks"
    )
    goal: Literal["cost", "quality", "stability"] = Field(
        description="what the pool is for; for people"
    )
    strategy: Annotated[PoolStrategy, Strict(False)] | None = Field(
        default=None, description="how its targets are ranked; required for models"
    )
    weights: WeightsForm | None = Field(
        default=None, description="of a balanced pool; all factors count alike if not said"
    )
    targets: list[_Target] = Field(
        min_length=1, max_length=MAX_PARTS, description="the models or desks, each once"
    )


class BudgetsForm(Form):
    """Budgets beyond that of one call; what is not said sets no limit."""

    ticket_usd: Budget | None = Field(
        default=None, description="US dollars that all calls about one ticket may cost"
    )
    run_usd: Budget | None = Field(
        default=None, description="US dollars that all calls of one run of the host may cost"
    )
    tenant_month_usd: Budget | None = Field(
        default=None, description="US dollars of a tenant in one calendar month, UTC"
    )
    ticket_expected_usd: Budget | None = Field(
        default=None, description="US dollars that a ticket usually costs"
    )
    hand_over_at: float | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="a ticket that costs more than that many times `ticket_expected_usd` goes to "
        "a person",
    )


class LearningForm(Form):
    """What the policy does with what outcomes teach."""

    mode: Annotated[LearningMode, Strict(False)] = Field(
        description="off; observe: estimated and noted, nothing changes; on: estimates choose"
    )
    exploration: float | None = Field(
        default=None,
        ge=0,
        le=0.5,
        description="the share of calls that are spread evenly; 0.05 if not said",
    )
    quality_at_least: Share | None = Field(
        default=None, description="never a target below it, whatever was learned"
    )


class TitleForm(Form):
    """What a document says of itself."""

    name: PolicyName = Field(description="the name of the document's folder")
    version: int = Field(ge=1, le=999_999_999, description="the number of the document's file")
    owner: Line = Field(description="who answers for it")
    description: Prose = Field(description="what it is for")
    changes: Prose = Field(description="what this version changed, and why")
    evaluation: Line | None = Field(
        default=None, description="where the evaluation report of this version is"
    )
    fallback_order: Annotated[FallbackOrder, Strict(False)] | None = Field(
        default=None,
        description="who takes over after the first target: family-first (the default), the same "
        "family at another provider, or ranked, by rank alone",
    )


class HeadForm(TitleForm):
    """Everything at the outermost level; the sections are read part by part."""

    limits: object
    budgets: object = None
    learning: object = None
    intents: dict[str, object] | None = Field(default=None, max_length=MAX_PARTS)
    pools: dict[str, object] = Field(min_length=1, max_length=MAX_PARTS)
    rules: list[object] = Field(min_length=1, max_length=MAX_PARTS)
    tools: dict[str, object] | None = None
    tests: list[object] | None = Field(default=None, max_length=MAX_PARTS)


_F = TypeVar("_F", bound=Form)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Generic[_F]):
    """A part with its name and its place in the document."""

    name: str
    path: YamlPath
    form: _F


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The parts that could be read; what is missing here is among the review's problems.

    `places` are of the rules whose id and conditions could be read, if nothing else of them.
    """

    head: HeadForm | None
    limits: DefaultLimitsForm | None
    budgets: BudgetsForm | None
    learning: LearningForm | None
    intents: tuple[Part[IntentForm], ...]
    pools: tuple[Part[PoolForm], ...]
    rules: tuple[Part[RuleForm], ...]
    places: tuple[Part[PlaceForm], ...]
    tools: tuple[Part[ToolForm], ...]
    cases: tuple[CasePart, ...]

    def pool(self, name: str) -> Part[PoolForm] | None:
        """Return the pool of that name, None where there is none that could be read."""
        return next((pool for pool in self.pools if pool.name == name), None)


def read_draft(review: Review) -> Draft:
    """Return the parts of the review's document, after keeping a problem for each that fails."""
    head = review.read(HeadForm, ())
    return Draft(
        head=head,
        limits=_section(review, DefaultLimitsForm, "limits"),
        budgets=_section(review, BudgetsForm, "budgets"),
        learning=_section(review, LearningForm, "learning"),
        intents=tuple(_parts(review, IntentForm, "intents")),
        pools=tuple(_parts(review, PoolForm, "pools")),
        rules=tuple(_rules(review)),
        places=tuple(_places(review)),
        tools=tuple(_parts(review, ToolForm, "tools")),
        cases=tuple(case_parts(review, "tests")),
    )


def _section(review: Review, form: type[_F], name: str) -> _F | None:
    """Return a section that is one form, None where it is missing or could not be read."""
    return review.read(form, (name,)) if name in review.names(()) else None


def _parts(review: Review, form: type[_F], section: str) -> Iterator[Part[_F]]:
    for name in review.names((section,))[:MAX_PARTS]:
        read = review.read(form, (section, name))

        if read is not None:
            yield Part(name=name, path=(section, name), form=read)


def _rules(review: Review) -> Iterator[Part[RuleForm]]:
    for path in _paths(review):
        form = review.read(RuleForm, path)

        if form is not None:
            yield Part(name=form.id, path=path, form=form)


def _places(review: Review) -> Iterator[Part[PlaceForm]]:
    for path in _paths(review):
        form = review.peek(PlaceForm, path)

        if form is not None:
            yield Part(name=form.id, path=path, form=form)


def _paths(review: Review) -> Iterator[YamlPath]:
    """Yield where the rules are."""
    rules = review.document.at(("rules",))

    for index in range(min(len(rules), MAX_PARTS) if isinstance(rules, list) else 0):
        yield ("rules", index)

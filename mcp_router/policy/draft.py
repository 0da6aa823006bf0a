"""A policy document whose parts have the right shape, before `check` asks whether they make sense.

The parts are read one by one, so that a mistake in one hides no mistake in another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BeforeValidator, Field, Strict

from mcp_router.domain.policy import PoolStrategy
from mcp_router.fields import Name, matching
from mcp_router.marked_yaml import YamlPath, YamlValue
from mcp_router.review import Form, Review


def _listed(value: YamlValue) -> YamlValue:
    """Let one word stand for a list of one."""
    return [value] if isinstance(value, str) else value


def _target(value: YamlValue) -> YamlValue:
    """Let the name of a target stand for a target without more to say."""
    return {"target": value} if isinstance(value, str) else value


AN_INTENT = "a name such as refund_dispute: small letters, digits and underscores"
AN_ID = "a name such as account-safety: small letters, digits, dashes and underscores"
MAX_PARTS = 200  # intents, pools or rules: more than a person keeps in view, and quick to check
INTENT_NAME = "[a-z][a-z0-9_]{0,63}"
ID = "[a-z0-9][a-z0-9_-]{0,63}"

_Id = Annotated[str, matching(ID, AN_ID)]
_PolicyName = Annotated[
    str, matching("[a-z0-9][a-z0-9-]{0,63}", "a name of small letters, digits and dashes")
]
_Line = Annotated[str, matching(r"(?=.*\S)[^\x00-\x1f\x7f]{1,200}", "one line of text")]
_Prose = Annotated[str, matching(r"(?s)(?=.*\S).{1,5000}", "a sentence or more")]
_Word = Annotated[str, matching(r"[!-~]{1,64}", "a word without spaces")]
_Words = Annotated[list[_Word], Field(min_length=1), BeforeValidator(_listed)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Seconds = Annotated[float, Field(gt=0, le=3600)]
_Attempts = Annotated[int, Field(ge=1, le=20)]
_Dollars = Annotated[float, Field(gt=0, le=1000)]
_Tokens = Annotated[int, Field(ge=1, le=1_000_000)]


class LimitsForm(Form):
    """What a rule or a tool sets for itself; the rest comes from the document's `limits`."""

    deadline_s: _Seconds | None = None
    attempt_timeout_s: _Seconds | None = None
    attempts: _Attempts | None = None
    budget_usd: _Dollars | None = None
    max_output_tokens: _Tokens | None = None


class DefaultLimitsForm(Form):
    """The document's `limits`: all of them, so that nothing is decided by code."""

    deadline_s: _Seconds
    attempt_timeout_s: _Seconds
    attempts: _Attempts
    budget_usd: _Dollars
    max_output_tokens: _Tokens


class IntentForm(Form):
    """Something customers want, by example."""

    examples: list[_Line] = Field(min_length=1, max_length=MAX_PARTS)


class TargetForm(Form):
    """A member of a pool; a bare name stands for one without a quality."""

    target: Name
    quality: _Share | None = None


class PoolForm(Form):
    """A named set of targets."""

    kind: Literal["model", "desk"] = "model"
    goal: Literal["cost", "quality", "stability"]
    strategy: Annotated[PoolStrategy, Strict(False)] | None = None
    targets: list[Annotated[TargetForm, BeforeValidator(_target)]] = Field(
        min_length=1, max_length=MAX_PARTS
    )


class WhenForm(Form):
    """What a rule asks; every key that is there must hold, a list asks for any of its words."""

    intent: _Words | None = None
    confidence_at_least: _Share | None = None
    customer_tier: _Words | None = None
    tenant: _Words | None = None
    locale: _Words | None = None
    channel: _Words | None = None
    prompt_tokens_at_least: int | None = Field(default=None, ge=0)
    prompt_tokens_at_most: int | None = Field(default=None, ge=0)
    turns_at_least: int | None = Field(default=None, ge=0)
    tools_offered: bool | None = None


class RuleForm(Form):
    """Where a completion goes, and why."""

    id: _Id
    why: _Prose
    when: WhenForm | None = None
    pool: str
    fallback: list[str] = Field(default_factory=list)
    limits: LimitsForm | None = None


class ToolForm(Form):
    """Where the calls of one desk tool go."""

    pool: str
    fallback: list[str] = Field(default_factory=list)
    limits: LimitsForm | None = None


class HeadForm(Form):
    """Everything at the outermost level; the sections are read part by part."""

    name: _PolicyName
    version: int = Field(ge=1, le=999_999_999)
    owner: _Line
    description: _Prose
    changes: _Prose
    limits: object
    intents: dict[str, object] | None = Field(default=None, max_length=MAX_PARTS)
    pools: dict[str, object] = Field(min_length=1, max_length=MAX_PARTS)
    rules: list[object] = Field(min_length=1, max_length=MAX_PARTS)
    tools: dict[str, object] | None = None


_F = TypeVar("_F", bound=Form)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Generic[_F]):
    """A part with its name and its place in the document."""

    name: str
    path: YamlPath
    form: _F


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The parts that could be read; what is missing here is among the review's problems."""

    head: HeadForm | None
    limits: DefaultLimitsForm | None
    intents: tuple[Part[IntentForm], ...]
    pools: tuple[Part[PoolForm], ...]
    rules: tuple[Part[RuleForm], ...]
    tools: tuple[Part[ToolForm], ...]


def read_draft(review: Review) -> Draft:
    """Return the parts of the review's document, after keeping a problem for each that fails."""
    head = review.read(HeadForm, ())
    has_limits = "limits" in review.names(())
    return Draft(
        head=head,
        limits=review.read(DefaultLimitsForm, ("limits",)) if has_limits else None,
        intents=tuple(_parts(review, IntentForm, "intents")),
        pools=tuple(_parts(review, PoolForm, "pools")),
        rules=tuple(_rules(review)),
        tools=tuple(_parts(review, ToolForm, "tools")),
    )


def _parts(review: Review, form: type[_F], section: str) -> Iterator[Part[_F]]:
    for name in review.names((section,))[:MAX_PARTS]:
        read = review.read(form, (section, name))

        if read is not None:
            yield Part(name=name, path=(section, name), form=read)


def _rules(review: Review) -> Iterator[Part[RuleForm]]:
    rules = review.document.at(("rules",))

    for index in range(min(len(rules), MAX_PARTS) if isinstance(rules, list) else 0):
        form = review.read(RuleForm, ("rules", index))

        if form is not None:
            yield Part(name=form.id, path=("rules", index), form=form)

"""What a policy asks of an answer before a customer may see it."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerChecks:
    """The format checks of a rule; what is None or empty asks nothing.

    `json_schema` is a JSON Schema as canonical JSON text. `language` is a language tag, or
    `same` for the call's locale. `citations` is how many `[1]`-like references must be there.
    Phrases are compared as `as_compared` writes them.
    """

    json_schema: str | None = None
    max_characters: int | None = None
    required_phrases: tuple[str, ...] = ()
    forbidden_phrases: tuple[str, ...] = ()
    language: str | None = None
    citations: int = 0


def as_compared(text: str) -> str:
    """Return a text or phrase in one case and with single blanks, as phrases are looked for.

    >>> as_compared(" Thank\\n  You ")
    'thank you'
    """
    return " ".join(text.split()).casefold()


NO_CHECKS = AnswerChecks()
"""Every answer passes."""


class ConfidenceSource(StrEnum):
    """Where the confidence in an answer comes from."""

    LOG_PROBABILITIES = "log_probabilities"  # the mean probability of its tokens
    SELF_RATING = "self_rating"  # a number that the model was asked to add
    CHECKS = "checks"  # the share of format checks that it passed
    RETRIEVAL = "retrieval"  # the host's own confidence in what it retrieved


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidencePlan:
    """How sure an answer must be: the first source that is available counts.

    Below `floor` it is not published: a person takes over. Without a floor nothing is withheld.
    """

    sources: tuple[ConfidenceSource, ...] = ()
    floor: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisorPlan:
    """When a stronger model is asked for its judgement, and by how much it may cost.

    `pool` names the advisors, best first by its strategy. It is asked where the first answer's
    confidence is below `below`; the model that answered finishes with the advice.
    """

    pool: str
    below: float
    max_microusd: int
    max_output_tokens: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePlan:
    """Whether answers of a rule may be kept and given again, for how long and how like.

    `min_similarity` is from 0 to 1; 1 asks for the same words in the same order.
    """

    ttl_s: float
    min_similarity: float = 1.0


class CacheState(StrEnum):
    """What became of the cache in a call."""

    HIT = "hit"
    MISS = "miss"
    BYPASS = "bypass"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheUse:
    """The cache's part in a call, with the reason that a person can read."""

    state: CacheState
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerConfidence:
    """How sure an answer is (0 to 1), and by which source."""

    value: float
    source: ConfidenceSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What asking an advisor came to; never its text."""

    target: str
    followed: bool  # whether the first model finished with it
    cost_microusd: int
    latency_ms: int
    reason: str  # why it was asked, or why it could not be

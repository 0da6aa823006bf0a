"""Every number of the simulation, read from `assumptions.json`, where each has its source."""

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue, TypeAdapter

FILE = Path(__file__).with_name("assumptions.json")
MINUTE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What somebody has published; shares from 0 to 1, cost for 1,000 requests."""

    cost_usd: float
    p95_s: float
    success: float
    cache_hits: float = 0.0
    quality_pool: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BothPublished:
    """Before and after routing."""

    before: Published
    after: Published


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """A promotion: traffic rises evenly to the peak and falls again; `at` is a time of day."""

    at: str
    seconds: float

    @property
    def starts_s(self) -> float:
        """Return the second of the day when it begins."""
        return second_of(self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What arrives on a day, and when."""

    requests: int
    peak_qps: float
    hourly: tuple[float, ...]
    bursts: tuple[Burst, ...]
    repeatable: float
    care: float
    actions: float
    vague: float
    follow_ups: float
    popularity: float
    first_wording: float
    greetings: float
    tiers: dict[str, float]
    locales: dict[str, float]
    channels: dict[str, float]
    retrieval: dict[str, tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """How much is read and said, in tokens."""

    tokens: int
    spread: float
    answer_tokens: int
    answer_spread: float
    cut_off: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPace:
    """How fast a model is on a usual day; `spread` is the sigma of a log-normal factor."""

    first_token_ms: float
    tokens_per_s: float
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Shares of single requests that fail outside any window, by how they do."""

    refused: float
    unavailable: float
    limited: float
    silent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """A time in which a share of a provider's answers takes `factor` times as long."""

    provider: str
    at: str
    minutes: float
    factor: float
    share: float

    def covers(self, second: float) -> bool:
        """Tell whether that second of the day belongs to it."""
        return 0 <= second - second_of(self.at) < self.minutes * MINUTE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A time in which shares of a provider's requests fail."""

    provider: str
    at: str
    minutes: float
    silent: float
    unavailable: float
    refused: float

    @property
    def starts_s(self) -> float:
        """Return the second of the day when it begins."""
        return second_of(self.at)

    def covers(self, second: float) -> bool:
        """Tell whether that second of the day belongs to it."""
        return 0 <= second - self.starts_s < self.minutes * MINUTE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """What goes wrong at the providers of models."""

    errors: Errors
    spikes: tuple[Spike, ...]
    outages: tuple[Outage, ...]
    requests_per_s: float
    retry_after_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPace:
    """How the help desk answers; `slow` are shares of tickets that are made and told late."""

    latency_ms: float
    spread: float
    slow: float
    slow_in_bursts: float
    slow_s: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostHabits:
    """How long the customer waits, and how the host treats its tools."""

    answer_deadline_s: float
    tool_timeout_s: float
    tool_tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Aims:
    """What the run after has to reach."""

    saving: float
    p95_s: float
    success: float
    success_in_outage: float
    breaker_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """The whole file, its sources left out."""

    published: BothPublished
    traffic: Traffic
    prompts: Prompts
    models: dict[str, ModelPace]
    providers: Providers
    desk: DeskPace
    host: HostHabits
    outage: Outage
    aims: Aims


def load_assumptions(file: Path = FILE) -> Assumptions:
    """Return the assumptions in `file`; raises ValueError where one is missing or no number."""
    document = json.loads(file.read_text(encoding="utf-8"))
    sections = {name: part for name, part in document.items() if name not in ("about", "sources")}
    return TypeAdapter(Assumptions).validate_python(values_of(sections))


def values_of(part: JsonValue) -> JsonValue:
    """Return the document with each `{value, source}` replaced by its value.

    >>> values_of({"peak": {"value": 40, "source": "assumed"}})
    {'peak': 40}
    """
    if not isinstance(part, dict):
        return part

    if part.keys() == {"value", "source"}:
        return part["value"]

    return {name: values_of(one) for name, one in part.items()}


def second_of(time_of_day: str) -> float:
    """Return the second of the day.

    >>> second_of("09:30")
    34200.0
    """
    hours, minutes = time_of_day.split(":")
    return (int(hours) * 60 + int(minutes)) * MINUTE_S

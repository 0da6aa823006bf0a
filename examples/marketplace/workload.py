"""A day of a marketplace's support: who asks what, and when. The same seed gives the same day."""

import json
import math
from bisect import bisect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from pathlib import Path
from random import Random

from examples.marketplace.assumptions import Assumptions, Prompts, Traffic

DAY_S = 86_400
QUESTIONS = Path(__file__).with_name("questions.json")
CHARACTERS_PER_TOKEN = 4

_PERSONA = (
    "You are the support copilot of a marketplace. Answer in two or three sentences from the "
    "passages below, and say so where they do not tell."
)


class Kind(StrEnum):
    """What a request is, as the world knows it; the router is never told."""

    REPEATABLE = "repeatable"
    CASE = "case"
    CARE = "care"
    ACTION = "action"
    VAGUE = "vague"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One customer's question: `at_s` is the second of the day, `turns` come before `text`.

    `retrieval` says from 0 to 1 how well the passages answer it, as far as the host knows.
    """

    number: int
    at_s: float
    kind: Kind
    text: str
    passages: str
    turns: tuple[tuple[str, str], ...]
    tier: str
    locale: str
    channel: str
    retrieval: float

    @property
    def system(self) -> str:
        """Return what the host tells every model first."""
        return f"{_PERSONA}\n\n{self.passages}"

    @property
    def wants_action(self) -> bool:
        """Return whether the host offers its tools: where its flow may end in a ticket."""
        return self.kind is Kind.ACTION


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """The texts of `questions.json`."""

    faq: dict[str, list[list[str]]]
    cases: dict[str, list[str]]
    care: dict[str, list[str]]
    actions: list[str]
    vague: list[str]
    slots: dict[str, list[str]]
    history: list[tuple[str, str]]
    handbook: list[str]


def load_questions(file: Path = QUESTIONS) -> Questions:
    """Return the texts that customers write."""
    document = json.loads(file.read_text(encoding="utf-8"))
    return Questions(**{name: part for name, part in document.items() if name != "about"})


def make_day(
    assumptions: Assumptions, *, requests: int, seed: int, questions: Questions | None = None
) -> Iterator[Request]:
    """Yield a day of so many requests in the order of their arrival.

    A shorter day is a thinner one: the same hours and bursts, with fewer requests in them.
    """
    writer = _Writer(assumptions, questions or load_questions(), Random(f"{seed}:texts"))
    arrivals = arrival_times(assumptions.traffic, requests, Random(f"{seed}:arrivals"))

    for number, at_s in enumerate(arrivals, start=1):
        yield writer.write(number, at_s)


def arrival_times(traffic: Traffic, requests: int, random: Random) -> list[float]:
    """Return the arrivals of a Poisson process that follows the day's rate, given their number."""
    rates = rate_by_second(traffic)
    shares = list(accumulate(rates))
    draws = (random.random() * shares[-1] for _ in range(requests))
    return sorted(bisect(shares, draw) + random.random() for draw in draws)


def rate_by_second(traffic: Traffic) -> list[float]:
    """Return the expected requests of each second of a whole day; its highest is the peak."""
    bursts = [0.0] * DAY_S

    for burst in traffic.bursts:
        half_s = burst.seconds / 2

        for second in range(int(burst.seconds)):
            height = 1 - abs(second + 0.5 - half_s) / half_s
            bursts[int(burst.starts_s) + second] += traffic.peak_qps * height

    steady = traffic.requests - sum(bursts)
    total = sum(_hour_rate(traffic, second) for second in range(DAY_S))
    return [
        max(bursts[second], steady * _hour_rate(traffic, second) / total) for second in range(DAY_S)
    ]


def _hour_rate(traffic: Traffic, second: int) -> float:
    """Return the relative rate of a second, which changes evenly from hour to hour."""
    hour, rest = divmod(second, 3600)
    now, then = traffic.hourly[hour], traffic.hourly[(hour + 1) % 24]
    return now + (then - now) * rest / 3600


class _Writer:
    """Writes what customers write."""

    def __init__(self, assumptions: Assumptions, questions: Questions, random: Random) -> None:
        """Draw everything from `random`."""
        self._traffic = assumptions.traffic
        self._prompts = assumptions.prompts
        self._questions = questions
        self._random = random
        faq = [(intent, wordings) for intent, asked in questions.faq.items() for wordings in asked]
        Random("popularity").shuffle(faq)
        self._faq = faq
        self._popularity = list(
            accumulate((rank + 1) ** -self._traffic.popularity for rank in range(len(faq)))
        )
        self._passages = {
            intent: _passages(questions.handbook, Random(intent), self._prompts.tokens)
            for intent in questions.faq
        }

    def write(self, number: int, at_s: float) -> Request:
        """Return the request of one customer."""
        kind = self._kind()
        text, passages = self._repeated() if kind is Kind.REPEATABLE else self._unique(kind)
        asks_before = kind is not Kind.REPEATABLE and self._happens(self._traffic.follow_ups)
        history = self._random.choice(self._questions.history)
        return Request(
            number=number,
            at_s=at_s,
            kind=kind,
            text=text,
            passages=passages,
            turns=((history[0], history[1]),) if asks_before else (),
            tier=self._one_of(self._traffic.tiers),
            locale=self._one_of(self._traffic.locales),
            channel=self._one_of(self._traffic.channels),
            retrieval=self._random.uniform(*self._traffic.retrieval[kind]),
        )

    def _kind(self) -> Kind:
        """Return what the next request is."""
        traffic = self._traffic
        shares: dict[str, float] = {
            Kind.REPEATABLE: traffic.repeatable,
            Kind.CARE: traffic.care,
            Kind.ACTION: traffic.actions,
            Kind.VAGUE: traffic.vague,
        }
        left = 1 - sum(shares.values())
        return Kind(self._one_of({**shares, Kind.CASE: left}))

    def _repeated(self) -> tuple[str, str]:
        """Return a question that others ask too, in this customer's words, and its passages."""
        at = bisect(self._popularity, self._random.random() * self._popularity[-1])
        intent, wordings = self._faq[at]
        usual = self._happens(self._traffic.first_wording)
        text = wordings[0] if usual else self._random.choice(wordings[1:])
        return self._typed(text), self._passages[intent]

    def _typed(self, text: str) -> str:
        """Return the text as people type it: capitals, marks and courtesy come and go."""
        style = self._random.random()

        if style < 0.25:
            text = text.lower()
        elif style < 0.4:
            text = text.rstrip("?!.")
        elif style < 0.45:
            text = f"{text.rstrip('?')}??"

        if self._happens(self._traffic.greetings):
            text = self._random.choice([f"Hi, {text}", f"{text} Thanks!", f"Hello! {text}"])

        return text

    def _unique(self, kind: Kind) -> tuple[str, str]:
        """Return a question about this customer's own things, and what was retrieved for it."""
        questions = self._questions

        if kind is Kind.CARE:
            texts = self._random.choice(list(questions.care.values()))
        elif kind is Kind.ACTION:
            texts = questions.actions
        elif kind is Kind.VAGUE:
            texts = questions.vague
        else:
            texts = self._random.choice(list(questions.cases.values()))

        text = self._random.choice(texts).format_map(self._slots())
        tokens = self._prompts.tokens * math.exp(self._random.gauss(0, self._prompts.spread))
        record = f"The customer's record: order {self._order()}, balance {self._amount()}."
        return text, f"{record} {_passages(questions.handbook, self._random, round(tokens))}"

    def _slots(self) -> dict[str, str]:
        """Return one customer's names, numbers and dates."""
        lists = {name: self._random.choice(words) for name, words in self._questions.slots.items()}
        day = f"{self._random.randint(1, 19)} November"
        number = str(self._random.randint(2, 9))
        return {
            **lists, "order": self._order(), "amount": self._amount(), "date": day, "n": number,
        }  # fmt: skip

    def _order(self) -> str:
        return f"MX-{self._random.randint(100_000, 999_999)}"

    def _amount(self) -> str:
        return f"${self._random.randint(4, 480)}.{self._random.randint(0, 99):02}"

    def _happens(self, share: float) -> bool:
        return self._random.random() < share

    def _one_of(self, shares: Mapping[str, float]) -> str:
        return self._random.choices(list(shares), list(shares.values()))[0]


def _passages(handbook: list[str], random: Random, tokens: int) -> str:
    """Return so many tokens of the handbook, as a search would bring them up."""
    characters = tokens * CHARACTERS_PER_TOKEN
    found: list[str] = []
    length = 0

    while length < characters:
        found.append(random.choice(handbook))
        length += len(found[-1]) + 1

    return " ".join(found)


def tokens_of(prompts: Prompts, random: Random) -> int:
    """Return how long one answer is."""
    return max(8, round(prompts.answer_tokens * math.exp(random.gauss(0, prompts.answer_spread))))

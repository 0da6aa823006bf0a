"""Confidence comes from the first source at hand, and a rating never stays in an answer."""

from math import log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.decide.confidence import RATING_REQUEST, confidence_of, split_rating
from mcp_router.domain.guardrails import AnswerConfidence, ConfidencePlan, ConfidenceSource

EVERY = ConfidencePlan(sources=tuple(ConfidenceSource), floor=0.5)


def confidence(
    plan: ConfidencePlan = EVERY,
    *,
    mean_logprob: float | None = None,
    self_rating: float | None = None,
    passed: float | None = None,
    retrieval: float | None = None,
) -> AnswerConfidence | None:
    return confidence_of(
        plan,
        mean_logprob=mean_logprob,
        self_rating=self_rating,
        passed=passed,
        retrieval=retrieval,
    )


def test_the_first_source_that_is_available_counts() -> None:
    sources = ConfidenceSource

    assert confidence(mean_logprob=log(0.9), self_rating=0.1) == AnswerConfidence(
        value=0.9, source=sources.LOG_PROBABILITIES
    )
    assert confidence(self_rating=0.7, passed=1.0) == AnswerConfidence(
        value=0.7, source=sources.SELF_RATING
    )
    assert confidence(passed=0.75, retrieval=0.2) == AnswerConfidence(
        value=0.75, source=sources.CHECKS
    )
    assert confidence(retrieval=0.2) == AnswerConfidence(value=0.2, source=sources.RETRIEVAL)


def test_what_the_policy_does_not_name_does_not_count() -> None:
    only = ConfidencePlan(sources=(ConfidenceSource.RETRIEVAL, ConfidenceSource.CHECKS))

    assert confidence(only, mean_logprob=-0.1, self_rating=0.9) is None
    assert confidence(only, passed=0.5, retrieval=0.4) == AnswerConfidence(
        value=0.4, source=ConfidenceSource.RETRIEVAL
    )
    assert confidence(ConfidencePlan(), mean_logprob=-0.1) is None


@pytest.mark.parametrize(
    ("mean_logprob", "value"), [(0.0, 1.0), (0.3, 1.0), (-1_000.0, 0.0), (log(0.5), 0.5)]
)
def test_log_probabilities_become_a_share(mean_logprob: float, value: float) -> None:
    found = confidence(mean_logprob=mean_logprob)

    assert found == AnswerConfidence(value=value, source=ConfidenceSource.LOG_PROBABILITIES)


def test_what_is_no_number_is_not_available() -> None:
    assert confidence(mean_logprob=float("nan"), retrieval=0.3) == AnswerConfidence(
        value=0.3, source=ConfidenceSource.RETRIEVAL
    )


ANSWER = "Your refund is on its way.\n\nIt takes five days."


def test_what_is_asked_of_the_model_can_be_read_back() -> None:
    asked = RATING_REQUEST.splitlines()[-1]

    assert split_rating(f"{ANSWER}\n{asked}") == (ANSWER, 0.8)


@pytest.mark.parametrize(
    ("line", "rating"),
    [
        ("Confidence: 0.8", 0.8),
        ("confidence: .8", 0.8),
        ("**Confidence:** 0.8", 0.8),
        ("**Confidence: 0.8**", 0.8),
        ("_Confidence_: `0.8`", 0.8),
        ("- Confidence: 0,8", 0.8),
        ("> Confidence = 0.8.", 0.8),
        ("(Confidence: 0.8)", 0.8),
        ("Confidence: 80%", 0.8),
        ("Confidence: 80 %", 0.8),
        ("Confidence: 8/10", 0.8),
        ("Confidence: 80/100", 0.8),
        ("Confidence: 4 out of 5", 0.8),
        ("Confidence score: 0.80", 0.8),
        ("Confidence level: 1", 1.0),
        ("Confidence: 1.0", 1.0),
        ("Confidence: 0", 0.0),
        ("Konfidenz: 0,8", 0.8),
        ("Confianza: 0.8", 0.8),
        ("Confidence: 85", None),
        ("Confidence: 12/10", None),
        ("Confidence: high", None),
        ("Confidence: Very low.", None),
        ("Confidence: n/a", None),
    ],
)
@pytest.mark.parametrize("after", ["", "\n", "\n\n  \n"])
def test_a_rating_is_read_however_it_is_written(
    line: str, rating: float | None, after: str
) -> None:
    assert split_rating(f"{ANSWER}\n\n{line}{after}") == (ANSWER, rating)


@pytest.mark.parametrize(
    ("text", "answer", "rating"),
    [
        (f"Confidence: 0.9\n{ANSWER}", ANSWER, 0.9),
        (f"{ANSWER} Confidence: 0.7", ANSWER, 0.7),
        (f"{ANSWER} (Confidence: 70%)", ANSWER, 0.7),
        (f"{ANSWER}\nConfidence: 0.4\nConfidence: 0.6", ANSWER, 0.6),
        ('{"reply":"Yes."}\nConfidence: 0.7', '{"reply":"Yes."}', 0.7),
        ("Confidence: 0.7", "", 0.7),
        ("", "", None),
        (ANSWER, ANSWER, None),
        (f"{ANSWER}\n", f"{ANSWER}\n", None),
    ],
)
def test_a_rating_is_found_elsewhere_and_taken_off(
    text: str, answer: str, rating: float | None
) -> None:
    assert split_rating(text) == (answer, rating)


@pytest.mark.parametrize(
    "text",
    [
        "Our confidence in you is high.",
        "Confidence: our team is working on it and will be back at 9.",
        "Self-confidence: 3 tips for your first call\nHere they are.",
        "The confidence interval is 0.8 to 0.9.",
    ],
)
def test_an_answer_that_only_speaks_of_confidence_stays_whole(text: str) -> None:
    assert split_rating(text) == (text, None)


@settings(deadline=None)
@given(st.text(max_size=300), st.floats(0, 1), st.sampled_from(["", "**", "_", "`"]))
def test_the_rating_never_stays_in_the_answer(text: str, rating: float, mark: str) -> None:
    answer, found = split_rating(f"{text}\n{mark}Confidence: {rating:.2f}{mark}")

    assert found == pytest.approx(rating, abs=0.0051)
    assert split_rating(answer)[0] == answer


@settings(deadline=None)
@given(st.text(alphabet="Confidence: 0.8%/10*_`\n", max_size=2_000))
def test_any_text_is_split_without_fail(text: str) -> None:
    answer, rating = split_rating(text)

    assert len(answer) <= len(text)
    assert rating is None or 0.0 <= rating <= 1.0

"""How sure an answer is: from whatever is available, and the record says from what."""

import re
from math import exp, isfinite
from typing import assert_never

from mcp_router.domain.guardrails import AnswerConfidence, ConfidencePlan, ConfidenceSource

RATING_REQUEST = (
    "After your answer, write one last line that holds nothing but how sure you are that the "
    "answer is right and complete, as a number from 0 to 1, in exactly this form:\n"
    "Confidence: 0.8"
)
"""What is added to the instructions where the model's own rating is wanted."""

_DECIMALS = 6

# Models write the line in their own way: bold, as a percentage, of ten, in the customer's language.
_LABEL = (
    r"(?:confidence|konfidenz|zuversicht|confiance|confianza|fiducia|confiança|vertrouwen)"
    r"(?:[ \t]{1,4}(?:score|level|rating))?"
)
_NUMBER = (
    r"(?P<number>\d{1,4}(?:[.,]\d{1,12})?|[.,]\d{1,12})[ \t]{0,4}"
    r"(?P<unit>%|(?:/|out[ ]of)[ \t]{0,4}(?:10{1,2}|[15])(?:[.]0)?)?"
)
_ORNAMENT = r"[ \t>*_`#\-\u2013\u2014\u2022\[\](){}\"']{0,12}"
_LINE = re.compile(
    rf"^{_ORNAMENT}{_LABEL}{_ORNAMENT}[:=]{_ORNAMENT}{_NUMBER}[.!]?{_ORNAMENT}$", re.IGNORECASE
)
_TAIL = re.compile(
    rf"(?:(?<=\s)|(?<=[.!?;,]))[*_`(\[]{{0,4}}{_LABEL}[*_` \t]{{0,4}}[:=][*_` \t]{{0,4}}{_NUMBER}"
    r"[.!)*_`\]]{0,4}\s{0,8}$",
    re.IGNORECASE,
)
_WORDS = re.compile(
    rf"^{_ORNAMENT}{_LABEL}{_ORNAMENT}[:=]{_ORNAMENT}"
    r"(?:very )?(?:high|medium|moderate|low|n/?a|unknown)[.!]?"
    rf"{_ORNAMENT}$",
    re.IGNORECASE,
)
_TAIL_LENGTH = 120


def confidence_of(
    plan: ConfidencePlan,
    *,
    mean_logprob: float | None,
    self_rating: float | None,
    passed: float | None,
    retrieval: float | None,
) -> AnswerConfidence | None:
    """Return the confidence by the plan's first source that is available, None if none is.

    `mean_logprob` is the mean natural logarithm of the tokens' probabilities, the others are
    shares from 0 to 1.
    """
    for source in plan.sources:
        match source:
            case ConfidenceSource.LOG_PROBABILITIES:
                value = None if mean_logprob is None else exp(min(mean_logprob, 0.0))  # NaN stays
            case ConfidenceSource.SELF_RATING:
                value = self_rating
            case ConfidenceSource.CHECKS:
                value = passed
            case ConfidenceSource.RETRIEVAL:
                value = retrieval
            case _:
                assert_never(source)

        if value is not None and isfinite(value):
            return AnswerConfidence(
                value=round(min(1.0, max(0.0, value)), _DECIMALS), source=source
            )

    return None


def split_rating(text: str) -> tuple[str, float | None]:
    """Return the answer without the model's rating of it, and the rating from 0 to 1.

    Every line that is nothing but a rating is taken off, and one that ends the last line; the
    last of them counts. A rating that makes no sense is taken off all the same, and is None. A
    text without any is returned as it is.

    >>> split_rating("Your refund is on its way.\\n\\n**Confidence:** 85 %")
    ('Your refund is on its way.', 0.85)
    """
    lines = text.splitlines()
    kept: list[str] = []
    rating: float | None = None

    for line in lines:
        found = _LINE.match(line) if len(line) <= _TAIL_LENGTH else None

        if found is not None:
            rating = _rating(found)
        elif len(line) > _TAIL_LENGTH or _WORDS.match(line) is None:
            kept.append(line)

    answer = text if len(kept) == len(lines) else "\n".join(kept).strip("\n").rstrip()
    tail = _TAIL.search(answer, max(0, len(answer) - _TAIL_LENGTH))

    if tail is not None:
        rating = _rating(tail) if rating is None else rating
        return answer[: tail.start()].rstrip(), rating

    return answer, rating


def _rating(found: re.Match[str]) -> float | None:
    """Return what the model wrote, from 0 to 1; None if it is outside of its own scale."""
    number = float(found["number"].replace(",", "."))
    unit = (found["unit"] or "").replace(" ", "").lower()
    scale = 100.0 if unit == "%" else float(unit.lstrip("/outf") or 1.0)
    rating = number / scale
    return rating if rating <= 1.0 else None

"""Which intent of a policy a customer's words resemble, and how surely.

Words, pairs of words and pieces of words are weighed by how rare they are among the policy's
example phrases, and compared by the cosine of their weights. No model, no language and no
training: an intent is known by its phrases alone, so a support lead can correct it by adding one.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from mcp_router.domain.policy import PolicyIntent
from mcp_router.domain.signals import Intent
from mcp_router.signals.lanes import ONE, Row, fixed, row_of, weighted_sum
from mcp_router.signals.words import features, passages

NO_INTENT = Intent(name=None, confidence=0.0)

NAMED_FROM = 0.25
"""The least confidence at which an intent is named: a weaker guess is wrong three times in four,
and a rule that names intents without asking for confidence must not rest on it."""

# An intent as a whole tells more of a usual question, its nearest example of an unusual one. Two
# to one did best, or within a point of it, for narrow and for broad intents of BANKING77 and
# CLINC150 (training parts, 5 to 30 examples an intent).
_WHOLE, _NEAREST = 2 / 3, 1 / 3

# Confidence = logistic(bias + nearness x ln(similarity) + lead x (lead over the runner-up, as a
# share of the similarity)): fitted to how often the named intent was right, on 68 policies drawn
# from the training parts of BANKING77 and CLINC150 (8 to 26 narrow or broad intents, 5 to 12
# examples each). Of their questions 60 % belong to an intent of the policy, 20 % to another
# subject of the same data set, 20 % to no subject of it. On 54 policies drawn afresh, confidence
# and share of right answers differ by 0.02 on average, and by 0.02 to 0.10 within one kind.
_BIAS, _NEARNESS, _LEAD = 5.1, 3.7, 2.4

# Every text is taken to say one more word that no example has: the word itself, six pieces of
# three characters and five of four. A question of ten words hardly changes; "card" alone, which
# is like much and means little, stays below NAMED_FROM.
_UNSAID = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Feature:
    """What one feature weighs, and how large a part it is of each intent and example phrase.

    `once` is what a text adds to its sums that has the feature once.
    """

    weight: float
    once: tuple[int, Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The intent of a text, and how many different ones its sentences name."""

    intent: Intent
    named: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentIndex:
    """The example phrases of a policy's intents, ready to be compared with a text.

    A row has a column for each intent, then one for each example, those of one intent together:
    `spans` says where. `unseen` is the weight of a feature that no example has.
    """

    names: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    unseen: float
    features: Mapping[str, _Feature]

    @classmethod
    def of(cls, intents: Sequence[PolicyIntent]) -> Self:
        """Return the index of these intents; takes about 0.1 ms an example phrase."""
        owners = tuple(at for at, intent in enumerate(intents) for _ in intent.examples)
        counts = [features(passages(text)[0]) for intent in intents for text in intent.examples]
        weights, unseen = _weights(counts, owners, len(intents))
        vectors = [_normalised({f: _tf(n) * weights[f] for f, n in one.items()}) for one in counts]
        sums: list[dict[str, float]] = [{} for _ in intents]

        for vector, owner in zip(vectors, owners, strict=True):
            for feature, weight in vector.items():
                sums[owner][feature] = sums[owner].get(feature, 0.0) + weight

        columns = len(intents) + len(owners)
        shares = _by_feature([*map(_normalised, sums), *vectors])
        return cls(
            names=tuple(intent.name for intent in intents),
            spans=tuple(_spans(intents)),
            unseen=unseen,
            features={
                feature: _Feature(
                    weight=weight, once=(fixed(weight), row_of(shares[feature], columns=columns))
                )
                for feature, weight in weights.items()
            },
        )

    def match(self, text: str) -> Intent:
        """Return the intent that the text resembles most, or `NO_INTENT` if none is likely.

        A long message is judged by its most telling sentence, so that greetings and stories
        around a question do not hide it. The confidence estimates how often such a match is
        right; it never reaches the caller below `NAMED_FROM`, and it is too high for a policy of
        a few phrases, which cannot know that "please" says nothing. Equals go to the intent that
        is listed first.
        """
        return self.matched(text).intent

    def matched(self, text: str) -> Matched:
        """Return the intent as `match` does, and how many its sentences name if read alone."""
        if not self.names:
            return Matched(intent=NO_INTENT, named=0)

        # A sentence that is said twice is one.
        found = [
            self._similarities([*words]) for words in dict.fromkeys(map(tuple, passages(text)))
        ]
        intent = self._named([max(column) for column in zip(*found, strict=True)])

        if len(found) == 1:
            return Matched(intent=intent, named=int(intent.name is not None))

        alone = {self._named(one).name for one in found[1:]}
        return Matched(intent=intent, named=len(alone - {None}))

    def _named(self, similarities: list[float]) -> Intent:
        """Return the intent of the greatest similarity, or `NO_INTENT` if it is not likely."""
        best = similarities.index(max(similarities))
        runner_up = max(similarities[:best] + similarities[best + 1 :], default=similarities[best])
        confidence = _confidence(similarities[best], runner_up)

        if confidence < NAMED_FROM:
            return NO_INTENT

        return Intent(name=self.names[best], confidence=confidence)

    def _similarities(self, words: list[str]) -> list[float]:
        """Return from 0 to 1 how similar the words are to each intent."""
        rows: list[tuple[int, Row]] = []
        unseen = self.unseen * self.unseen
        square = _UNSAID * unseen

        for name, count in features(words).items():
            feature = self.features.get(name)

            if feature is None:
                square += unseen if count == 1 else unseen * _tf(count) ** 2
            elif count == 1:
                square += feature.weight * feature.weight
                rows.append(feature.once)
            else:
                weight = feature.weight * _tf(count)
                square += weight * weight
                rows.append((fixed(weight), feature.once[1]))

        first, last = len(self.names), self.spans[-1][1]
        found = weighted_sum(rows, columns=last)
        length = math.sqrt(square) * ONE
        return [
            (_WHOLE * whole + _NEAREST * max(found[start:end], default=0)) / length
            for whole, (start, end) in zip(found[:first], self.spans, strict=True)
        ]


def _spans(intents: Sequence[PolicyIntent]) -> Iterator[tuple[int, int]]:
    """Yield for each intent where the columns of its examples begin and end."""
    end = len(intents)

    for intent in intents:
        start, end = end, end + len(intent.examples)
        yield start, end


def _confidence(similarity: float, runner_up: float) -> float:
    """Return how likely the best intent is right, to four decimals.

    Where a policy has one intent only, its runner-up is itself: leading nobody proves nothing.
    """
    if similarity <= 0.0:
        return 0.0

    lead = (similarity - runner_up) / similarity
    evidence = _BIAS + _NEARNESS * math.log(similarity) + _LEAD * lead
    return round(1.0 / (1.0 + math.exp(-evidence)), 4)


def _weights(
    counts: Sequence[Mapping[str, int]], owners: Sequence[int], intents: int
) -> tuple[dict[str, float], float]:
    """Return what each feature weighs, and what one weighs that no example has.

    Rarity counts twice: among the examples, so that "the" weighs little, and among the intents,
    so that "card" weighs little where every intent speaks of cards.
    """
    holders: dict[str, list[int]] = {}

    for owner, one in zip(owners, counts, strict=True):
        for feature in one:
            holders.setdefault(feature, []).append(owner)

    examples = len(counts)
    weights = {
        feature: 1.0
        + math.log((1 + examples) / (1 + len(found)))
        + math.log((1 + intents) / len(set(found)))
        for feature, found in holders.items()
    }
    return weights, 1.0 + math.log(1 + examples) + math.log(1 + intents)


def _by_feature(vectors: Sequence[Mapping[str, float]]) -> dict[str, list[tuple[int, float]]]:
    """Return for each feature the positions of the vectors that have it, with its share there."""
    found: dict[str, list[tuple[int, float]]] = {}

    for at, vector in enumerate(vectors):
        for feature, share in vector.items():
            found.setdefault(feature, []).append((at, share))

    return found


def _normalised(vector: Mapping[str, float]) -> dict[str, float]:
    """Return the vector at length 1; an empty one stays empty."""
    length = math.sqrt(sum(weight * weight for weight in vector.values()))
    return {feature: weight / length for feature, weight in vector.items()}


def _tf(count: int) -> float:
    """Return how much a repeated feature counts: each repetition less than the one before."""
    return 1.0 if count == 1 else 1.0 + math.log(count)

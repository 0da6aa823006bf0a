"""How long a request is, before any provider has counted it, and how wrong such estimates were."""

import math
from dataclasses import dataclass

from mcp_router.domain.completion import CompletionRequest

_PER_MESSAGE = 4  # role and separators, about the same for every family
_PER_TOOL = 8  # the frame that a provider writes around a tool's schema
_BYTES_PER_TOKEN = 4

_LEAST_RATIO, _MOST_RATIO = 0.5, 3.0
_REPORTS = 20


def estimate_tokens(request: CompletionRequest) -> int:
    """Return about how many input tokens `request` has, rounded up.

    A token is four bytes of UTF-8: four letters of English, fewer characters of scripts that
    every vendor's tokenizer cuts finer. An estimate, for signals, ranking and reservations; what
    a call costs is settled with the counts that the provider reports.
    """
    size = 0

    for message in request.messages:
        size += _bytes(message.content)
        size += sum(_bytes(call.name) + _bytes(call.arguments_json) for call in message.tool_calls)

    for tool in request.tools:
        size += _bytes(tool.name) + _bytes(tool.description) + _bytes(tool.parameters_json)

    frames = _PER_MESSAGE * len(request.messages) + _PER_TOOL * len(request.tools)
    return -(-size // _BYTES_PER_TOKEN) + frames


def text_tokens(text: str) -> int:
    """Return about how many tokens a model wrote to say `text`, rounded up.

    >>> text_tokens("It is open.")
    3
    """
    return -(-_bytes(text) // _BYTES_PER_TOKEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRatio:
    """How many tokens a family reports for one that was estimated, after so many reports."""

    value: float = 1.0
    reports: int = 0


def learned_ratio(known: TokenRatio, *, estimate: int, reported: int) -> TokenRatio:
    """Return the ratio after one more report; it stays from 0.5 to 3.

    The first reports count in full, as in a mean; from the twentieth on, each one moves the ratio
    by a twentieth, so that it follows traffic that changes. An estimate or a report of nothing
    teaches nothing.

    >>> learned_ratio(TokenRatio(), estimate=100, reported=130)
    TokenRatio(value=1.3, reports=1)
    """
    if estimate <= 0 or reported <= 0:
        return known

    # One odd report, such as of a provider that does not count the cached part, is cut as well.
    seen = min(max(reported / estimate, _LEAST_RATIO), _MOST_RATIO)
    reports = known.reports + 1
    share = 1 / min(reports, _REPORTS)
    return TokenRatio(value=known.value + share * (seen - known.value), reports=reports)


class TokenScale:
    """Corrects estimates by what providers have reported, for each family of models.

    What it has learned is this process's own, and begins anew with it: twenty answers teach it
    again.
    """

    def __init__(self) -> None:
        """Begin with estimates as they are."""
        self._overall = TokenRatio()
        self._families: dict[str, TokenRatio] = {}

    def corrected(self, family: str | None, estimate: int) -> int:
        """Return the estimate times the family's ratio, rounded up.

        The ratio of all families stands for one that has not reported yet, and for None: the size
        of a prompt is a signal before anybody knows which model will read it.
        """
        ratio = self._overall if family is None else self._families.get(family, self._overall)
        return math.ceil(round(estimate * ratio.value, 6))

    def learned(self, family: str, estimate: int, reported: int) -> None:
        """Learn that a family's provider counted `reported` tokens where so many were estimated."""
        known = self._families.get(family, TokenRatio())
        self._families[family] = learned_ratio(known, estimate=estimate, reported=reported)
        self._overall = learned_ratio(self._overall, estimate=estimate, reported=reported)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))

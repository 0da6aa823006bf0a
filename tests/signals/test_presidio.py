"""Presidio as a detector: what it finds is taken in our words, and it is missed politely."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from mcp_router.domain.privacy import Finding, PiiKind
from mcp_router.errors import InvalidSettings
from mcp_router.signals.detector import BuiltinDetector, Detectors
from mcp_router.signals.presidio import PresidioDetector, Result, open_presidio

IS_INSTALLED = importlib.util.find_spec("presidio_analyzer") is not None


@dataclass
class Found:
    entity_type: str
    start: int
    end: int
    score: float


class ScriptedAnalyzer:
    """Answers as Presidio does."""

    def __init__(self, *found: Found) -> None:
        self._found = found

    def analyze(self, text: str, language: str, *, entities: list[str]) -> Sequence[Result]:
        assert (language, "PERSON" in entities, "URL" in entities) == ("en", True, False)
        return self._found


def test_what_it_is_sure_of_joins_what_we_find() -> None:
    text = "Anna Li wrote to a@example.com on Monday"
    analyzer = ScriptedAnalyzer(
        Found("PERSON", 0, 7, 0.85), Found("EMAIL_ADDRESS", 17, 30, 1.0),
        Found("LOCATION", 34, 40, 0.3), Found("DATE_TIME", 34, 40, 0.9),
    )  # fmt: skip
    both = Detectors((BuiltinDetector(), PresidioDetector(analyzer)))

    assert both.find(text) == (
        Finding(start=0, end=7, kind=PiiKind.NAME),
        Finding(start=17, end=30, kind=PiiKind.EMAIL),
    )


@pytest.mark.skipif(IS_INSTALLED, reason="Presidio is installed here")
def test_without_the_extra_the_settings_are_refused() -> None:
    with pytest.raises(InvalidSettings) as refused:
        open_presidio()

    assert "presidio" in refused.value.advice


@pytest.mark.skipif(not IS_INSTALLED, reason="needs the extra `presidio` and a model of spaCy")
def test_presidio_itself_finds_a_name() -> None:
    (found, *_) = open_presidio().find("My colleague is called Barbara Miller.")

    assert found.kind is PiiKind.NAME

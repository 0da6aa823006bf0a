"""The format checks of answers: each passes what it should, and is told by name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.canonical import canonical_json
from mcp_router.decide.answer_checks import asked_checks, failed_checks, failed_strictly
from mcp_router.domain.completion import Completion, FinishReason, ToolCall, Usage
from mcp_router.domain.guardrails import NO_CHECKS, AnswerChecks

SCHEMA = canonical_json(
    {
        "type": "object",
        "properties": {"reply": {"type": "string", "minLength": 1}, "sure": {"type": "boolean"}},
        "required": ["reply"],
        "additionalProperties": False,
    }
)


def failed(text: str, checks: AnswerChecks, locale: str | None = None) -> tuple[str, ...]:
    return failed_checks(checks, text, locale=locale)


def test_without_checks_everything_passes() -> None:
    assert failed("", NO_CHECKS) == ()
    assert asked_checks(NO_CHECKS) == 0


def test_every_failed_check_is_named_in_one_order() -> None:
    checks = AnswerChecks(
        json_schema=SCHEMA,
        max_characters=10,
        required_phrases=("ticket",),
        forbidden_phrases=("guarantee",),
        language="de",
        citations=1,
    )

    assert asked_checks(checks) == 6
    assert failed("We guarantee that you will have your money back by Friday.", checks) == (
        "json_schema",
        "max_characters",
        "required_phrases",
        "forbidden_phrases",
        "language",
        "citations",
    )


@pytest.mark.parametrize(
    "text", ['{"reply":"Yes."}', ' {"reply": "Ja", "sure": true}\n', '{"reply":"\\u00e9"}']
)
def test_json_that_the_schema_allows_passes(text: str) -> None:
    assert failed(text, AnswerChecks(json_schema=SCHEMA)) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Yes.",
        '```json\n{"reply":"Yes."}\n```',  # whoever parses the answer would stumble as well
        'Here you are: {"reply":"Yes."}',
        '{"reply":""}',
        '{"reply":1}',
        '{"reply":"Yes.","more":1}',
        '{"reply":"Yes.","sure":NaN}',
        '["reply"]',
        "[" * 100_000,
        "1" * 5_000,
    ],
)
def test_anything_else_fails_the_schema(text: str) -> None:
    assert failed(text, AnswerChecks(json_schema=SCHEMA)) == ("json_schema",)


@pytest.mark.parametrize(
    "schema",
    [
        '{"$ref":"https://example.org/schema.json"}',
        '{"$ref":"file:///etc/passwd"}',
        '{"$ref":"#/nowhere"}',
        '{"type":"nonsense"}',
        '{"title":"x","$ref":"#/title"}',
        '{"maxLength":3,"$ref":"#/maxLength"}',
        '{"$ref":"#nosuch"}',
        '{"$ref":"#"}',
        '{"$schema":[1]}',
        '{"properties":{"reply":{"pattern":"("}}}',
        "not json",
    ],
)
def test_a_schema_that_cannot_be_used_passes_nothing_and_fetches_nothing(schema: str) -> None:
    assert failed('{"reply":"Yes."}', AnswerChecks(json_schema=schema)) == ("json_schema",)


def test_a_number_that_no_float_can_divide_does_not_fit() -> None:
    checks = AnswerChecks(json_schema='{"multipleOf":1.0e-308}')

    assert failed("1e308", checks) == ("json_schema",)


@pytest.mark.parametrize(
    "schema",
    [
        '{"pattern":"^(a+)+$"}',
        '{"pattern":"^.*a.*b.*c.*$"}',
        '{"$schema":"https://json-schema.org/draft/2020-12/schema",'
        '"items":{"$ref":"#"},"pattern":"^(a+)+$"}',
    ],
)
def test_a_pattern_that_could_run_for_ever_lets_no_long_text_pass(schema: str) -> None:
    text = f'"{"a" * 5_000}!"'

    for answer in (text, f"[{text}]") if "items" in schema else (text,):
        assert failed(answer, AnswerChecks(json_schema=schema)) == ("json_schema",)


def test_a_pattern_is_held_against_a_text_that_it_can_see_whole() -> None:
    checks = AnswerChecks(json_schema='{"pattern":"^[A-Z]{2}-[0-9]+$"}')

    assert failed('"AB-1234"', checks) == ()
    assert failed('"ab-1234"', checks) == ("json_schema",)
    assert failed(f'"AB-{"1" * 100_000}"', checks) == ()


def test_names_of_keys_are_as_short_as_their_patterns_want() -> None:
    checks = AnswerChecks(
        json_schema='{"additionalProperties":false,"patternProperties":{"^a+b+$":{}}}'
    )

    assert failed('{"aab":1}', checks) == ()
    assert failed(f'{{"{"a" * 3_000}b":1}}', checks) == ("json_schema",)


def test_a_schema_is_read_by_its_own_draft() -> None:
    items = '"items":[{"type":"string"}],"additionalItems":false'
    old = f'{{"$schema":"http://json-schema.org/draft-07/schema#",{items}}}'

    assert failed('["a"]', AnswerChecks(json_schema=old)) == ()
    assert failed('["a",1]', AnswerChecks(json_schema=old)) == ("json_schema",)


def test_length_is_counted_in_characters() -> None:
    checks = AnswerChecks(max_characters=3)

    assert failed("äöü", checks) == ()
    assert failed("äöü.", checks) == ("max_characters",)


def test_phrases_are_compared_without_case_and_line_breaks() -> None:
    required = AnswerChecks(required_phrases=("Your Ticket", "straße"))
    forbidden = AnswerChecks(forbidden_phrases=("legal advice",))

    assert failed("about YOUR\n  ticket in the STRASSE", required) == ()
    assert failed("about your ticket", required) == ("required_phrases",)
    assert failed("This is no LEGAL\tAdvice.", forbidden) == ("forbidden_phrases",)
    assert failed("This is legally fine advice.", forbidden) == ()


def test_different_citations_are_counted_once_each() -> None:
    checks = AnswerChecks(citations=2)

    assert failed("As written [1] and [2].", checks) == ()
    assert failed("As written [1] and again [1].", checks) == ("citations",)
    assert failed("A link [1](https://example.org) and [2].", checks) == ("citations",)


def test_an_answer_in_another_language_fails() -> None:
    german = "Ihre Erstattung ist unterwegs und kommt in den nächsten Tagen bei Ihnen an."

    assert failed(german, AnswerChecks(language="de-AT")) == ()
    assert failed(german, AnswerChecks(language="en")) == ("language",)
    assert failed(german, AnswerChecks(language="same"), "de_CH") == ()
    assert failed(german, AnswerChecks(language="same"), "en-GB") == ("language",)
    assert failed(german, AnswerChecks(language="same"), None) == ()


def answer(text: str, finish: FinishReason, *calls: ToolCall) -> Completion:
    return Completion(
        text=text,
        tool_calls=calls,
        finish_reason=finish,
        usage=Usage(input_tokens=1, output_tokens=1),
        model="m",
    )


@pytest.mark.parametrize(
    ("given_answer", "expected"),
    [
        (answer("Done.", FinishReason.STOP), ()),
        (answer("", FinishReason.TOOL_CALLS, ToolCall(id="1", name="t", arguments_json="{}")), ()),
        (answer("It is on its", FinishReason.LENGTH), ("whole",)),
        (answer("I cannot", FinishReason.CONTENT_FILTER), ("whole",)),
        (answer(" \n", FinishReason.STOP), ("whole",)),
    ],
)
def test_a_strict_pool_wants_a_whole_answer(
    given_answer: Completion, expected: tuple[str, ...]
) -> None:
    assert failed_strictly(given_answer) == expected


PHRASES = st.lists(st.text(max_size=8), max_size=2).map(tuple)
ANY_CHECKS = st.builds(
    AnswerChecks,
    json_schema=st.none() | st.just(SCHEMA) | st.text(max_size=20),
    max_characters=st.none() | st.integers(0, 50),
    required_phrases=PHRASES,
    forbidden_phrases=PHRASES,
    language=st.none() | st.sampled_from(["de", "en", "ja", "zh", "xx", "same", ""]),
    citations=st.integers(0, 3),
)


@settings(deadline=None)
@given(ANY_CHECKS, st.text(max_size=200), st.none() | st.text(max_size=8))
def test_any_answer_under_any_checks_fails_only_what_was_asked(
    checks: AnswerChecks, text: str, locale: str | None
) -> None:
    found = failed_checks(checks, text, locale=locale)

    assert len(found) <= asked_checks(checks)
    assert failed_checks(checks, text, locale=locale) == found
    assert not checks.json_schema or "json_schema" in found or text.strip() != ""

"""The cache says why it may not serve a call, or keep an answer."""

from dataclasses import replace

import pytest

from mcp_router.cache.admission import cacheable, instructions_of, keepable, question_of
from mcp_router.domain.completion import (
    CompletionRequest,
    FinishReason,
    Message,
    Role,
    ToolCall,
    ToolSpec,
)
from mcp_router.domain.privacy import NOTHING_KNOWN, KnownFields
from mcp_router.domain.signals import Intent, Signals
from mcp_router.signals.words import CONSIDERED_CHARACTERS
from tests.cache.kept import completion

SYSTEM = Message(role=Role.SYSTEM, content="Be brief.")
QUESTION = Message(role=Role.USER, content="Where is my order?")
ASK = CompletionRequest(messages=(SYSTEM, QUESTION))
PLAIN = Signals(tool="route_completion", tenant="acme", intent=Intent(name="faq", confidence=0.9))
KNOWN = KnownFields(
    names=("Maria Lopez",),
    phones=("+1 415 555 2671",),
    emails=("maria@example.com",),
    organisations=("Globex",),
)


def reason(
    request: CompletionRequest = ASK,
    signals: Signals = PLAIN,
    *,
    account_specific: bool = False,
    subject: str | None = None,
    known: KnownFields = NOTHING_KNOWN,
) -> str | None:
    return cacheable(
        request,
        signals,
        account_specific=account_specific,
        question=question_of(request, subject),
        known=known,
    )


def test_a_plain_question_may_be_served_and_kept() -> None:
    assert reason() is None
    assert keepable(completion("It is on its way.")) is None


def test_a_call_with_tools_is_not_served() -> None:
    tool = ToolSpec(name="lookup", description="", parameters_json="{}")

    assert reason(replace(ASK, tools=(tool,))) == "the host offers tools"


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ((QUESTION, QUESTION), "it is more than one question"),
        (
            (QUESTION, Message(role=Role.ASSISTANT, content="Which?"), QUESTION),
            "it is more than one question",
        ),
        (
            (QUESTION, Message(role=Role.TOOL, content="{}", tool_call_id="1")),
            "it is more than one question",
        ),
        ((SYSTEM,), "there is no question"),
    ],
)
def test_a_conversation_is_not_served(messages: tuple[Message, ...], why: str) -> None:
    assert reason(replace(ASK, messages=messages)) == why


def test_what_is_about_one_customer_is_not_served() -> None:
    personal = replace(PLAIN, pii_kinds=("email", "phone"))
    flagged = replace(PLAIN, safety_flags=("injection",))

    assert reason(account_specific=True) == "the intent faq is about one customer's account"
    assert reason(signals=personal) == "the question holds personal data (email, phone)"
    assert reason(signals=flagged) == "the question is flagged (injection)"


@pytest.mark.parametrize(
    ("subject", "said", "kinds"),
    [
        (None, "I am maria  lopez, where is it?", "name"),
        ("From Lopez", "Where is it?", "name"),
        ("Globex", "Call (415) 555-2671.", "organisation, phone"),
    ],
)
def test_a_question_with_what_the_host_tells_of_its_requester_is_not_served(
    subject: str | None, said: str, kinds: str
) -> None:
    request = replace(ASK, messages=(replace(QUESTION, content=said),))

    assert reason(request, subject=subject, known=KNOWN) == (
        f"the question holds personal data ({kinds})"
    )
    assert reason(request, subject=subject) is None
    assert reason(known=KNOWN) is None


def test_a_question_that_is_too_long_to_be_compared_is_not_served() -> None:
    def asked(characters: int) -> CompletionRequest:
        return replace(ASK, messages=(replace(QUESTION, content="x" * characters),))

    assert reason(asked(CONSIDERED_CHARACTERS)) is None
    assert reason(asked(CONSIDERED_CHARACTERS + 1)) == "the question is too long to be compared"
    assert reason(asked(CONSIDERED_CHARACTERS), subject="x") is not None


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            replace(
                completion(""),
                tool_calls=(ToolCall(id="1", name="lookup", arguments_json="{}"),),
            ),
            "the answer calls tools",
        ),
        (
            replace(completion("It is"), finish_reason=FinishReason.LENGTH),
            "the answer is not whole",
        ),
        (
            replace(completion("It is"), finish_reason=FinishReason.INCOMPLETE),
            "the answer is not whole",
        ),
        (completion(" "), "the answer is not whole"),
        (
            completion("Your card is 4111 1111 1111 1111."),
            "the answer holds personal data (card)",
        ),
    ],
)
def test_an_answer_that_is_not_for_everybody_is_not_kept(said: object, why: str) -> None:
    assert isinstance(said, type(completion("")))
    assert keepable(said) == why


def test_a_desk_s_own_address_may_be_kept() -> None:
    assert keepable(completion("Write to help@acme.example or call +1 415 555 2671.")) is None


def test_an_answer_with_what_the_host_tells_of_its_requester_is_not_kept() -> None:
    said = completion("Dear Maria, we wrote to maria@example.com.")

    assert keepable(said, KNOWN) == "the answer holds personal data (email, name)"
    assert keepable(completion("We wrote to Globe."), KNOWN) is None


def test_the_question_stands_after_the_subject() -> None:
    assert question_of(ASK, None) == "Where is my order?"
    assert question_of(ASK, "Order 7") == "Order 7\nWhere is my order?"
    assert question_of(replace(ASK, messages=(SYSTEM,)), None) == ""


def test_other_instructions_are_another_partition() -> None:
    known = instructions_of(ASK)

    assert known == instructions_of(replace(ASK, messages=(SYSTEM, replace(QUESTION, content="?"))))
    assert len({known, *(instructions_of(other) for other in OTHERS)}) == 1 + len(OTHERS)


OTHERS = (
    replace(ASK, messages=(QUESTION,)),
    replace(ASK, messages=(replace(SYSTEM, content="Anna owes $5."), QUESTION)),
    replace(ASK, messages=(replace(SYSTEM, content="\ud83d"), QUESTION)),
    replace(ASK, max_output_tokens=10),
    replace(ASK, temperature=0.5),
)

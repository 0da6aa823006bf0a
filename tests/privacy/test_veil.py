"""Nothing personal passes the veil towards a model, in whatever part of a request it stands."""

import json
import time

from mcp_router.domain.completion import (
    Completion,
    CompletionRequest,
    FinishReason,
    Message,
    Role,
    ToolCall,
    Usage,
)
from mcp_router.domain.privacy import KnownFields, PiiCount, PiiKind
from mcp_router.privacy.veil import EXPLANATION, Unveiling, Veil
from mcp_router.signals.detector import BuiltinDetector, Detectors
from mcp_router.signals.pii_fields import FieldDetector

KNOWN = KnownFields(names=("Anna Schmidt",), organisations=("Acme GmbH",))


def veil(*, hides: bool = True) -> Veil:
    detectors = Detectors((BuiltinDetector(), FieldDetector(KNOWN)))
    return Veil(detectors, lambda value: f"digest of {len(value)}", hides=hides)


def asked(*messages: Message) -> CompletionRequest:
    return CompletionRequest(messages=messages)


def user(text: str) -> Message:
    return Message(role=Role.USER, content=text)


def answer(text: str, *calls: ToolCall) -> Completion:
    return Completion(
        text=text,
        tool_calls=calls,
        finish_reason=FinishReason.STOP,
        usage=Usage(input_tokens=1, output_tokens=1),
        model="m",
    )


def test_a_request_without_personal_data_is_the_same_request() -> None:
    request = asked(user("Where is my parcel?"))

    assert veil().hide(request) is request


def test_every_turn_is_hidden_and_the_model_is_told() -> None:
    one = veil()
    request = asked(
        Message(role=Role.SYSTEM, content="The customer is Anna Schmidt of Acme GmbH."),
        user("I am Anna, write to a@example.com"),
        Message(role=Role.ASSISTANT, content="Dear Anna Schmidt, I write to a@example.com."),
    )

    assert one.hide(request).messages == (
        Message(role=Role.SYSTEM, content=EXPLANATION),
        Message(role=Role.SYSTEM, content="The customer is [NAME_1] of [ORGANISATION_1]."),
        user("I am [NAME_2], write to [EMAIL_1]"),
        Message(role=Role.ASSISTANT, content="Dear [NAME_1], I write to [EMAIL_1]."),
    )
    assert one.counts == (
        PiiCount(kind=PiiKind.EMAIL, values=1),
        PiiCount(kind=PiiKind.NAME, values=2),
        PiiCount(kind=PiiKind.ORGANISATION, values=1),
    )
    revealed = one.reveal(answer("Dear [NAME_1], see [EMAIL_1]."))
    assert revealed.text == "Dear Anna Schmidt, see a@example.com."
    assert one.has_revealed


def test_tools_arguments_and_answers_are_hidden_by_the_names_of_their_fields() -> None:
    one = veil()
    data = {"password": "hunter2!", "phone": 4155552671, "note": "fine", "rows": [{"n": 1}]}
    call = ToolCall(id="c1", name="find", arguments_json='{"email": "a@example.com"}')
    request = asked(
        Message(role=Role.ASSISTANT, content="", tool_calls=(call,)),
        Message(role=Role.TOOL, content=json.dumps(data), tool_call_id="c1"),
    )

    _, calling, told = one.hide(request).messages

    assert json.loads(calling.tool_calls[0].arguments_json) == {"email": "[EMAIL_1]"}
    assert json.loads(told.content) == {
        "password": "[SECRET_1]",
        "phone": "[PHONE_1]",
        "note": "fine",
        "rows": [{"n": 1}],
    }


def test_what_a_tool_brings_in_is_hidden_in_time_however_much_there_is_in_it() -> None:
    rows = [f"{number}@b.co [EMAIL_{number}]" for number in range(20_000)]
    request = asked(
        Message(role=Role.TOOL, content=" ".join(rows), tool_call_id="c1"),
        Message(role=Role.TOOL, content=json.dumps(rows), tool_call_id="c2"),
    )
    one = veil()
    started_s = time.process_time()

    _, plain, listed = one.hide(request).messages

    assert time.process_time() - started_s < 20  # and minutes, if every value were compared to all
    assert plain.content.endswith("[EMAIL_20000] [TEXT_20000]")
    assert json.loads(listed.content)[-1] == "[EMAIL_20000] [TEXT_20000]"
    assert one.reveal(answer(plain.content)).text == " ".join(rows)


def test_a_tool_is_called_with_the_values_back() -> None:
    one = veil()
    one.hide(asked(user("a@example.com, card 4111 1111 1111 1111")))
    planned = ToolCall(id="c", name="f", arguments_json='{"to":"[EMAIL_1]","card":"[CARD_1]"}')

    (call,) = one.reveal(answer("", planned)).tool_calls

    assert json.loads(call.arguments_json) == {"to": "a@example.com", "card": "[CARD_1]"}


def test_what_was_revealed_goes_behind_the_veil_again_towards_an_advisor() -> None:
    one = veil()
    one.hide(asked(user("a@example.com, card 4111 1111 1111 1111")))
    draft = one.reveal(answer("I write to [EMAIL_1] about [CARD_1].")).text

    hidden = one.hide(asked(user(f"Draft: {draft}"))).messages[-1].content

    assert draft == "I write to a@example.com about [CARD_1]."
    assert hidden == "Draft: I write to [EMAIL_1] about [CARD_1]."


def test_one_that_hides_nothing_counts_and_restores_nothing() -> None:
    one = veil(hides=False)
    request = asked(user("a@example.com"))

    assert one.hide(request) is request
    assert one.counts == (PiiCount(kind=PiiKind.EMAIL, values=1),)
    assert one.reveal(answer("[EMAIL_1]")) == answer("[EMAIL_1]")


def test_what_may_be_kept_has_all_but_what_is_never_restored() -> None:
    one = veil()
    request = asked(user("a@example.com, card 4111 1111 1111 1111"))
    one.hide(request)

    assert one.keepable(request) == asked(user("a@example.com, card [CARD_1]"))
    assert one.keepable_answer(answer("card 4111 1111 1111 1111 of Anna")) == answer(
        "card [CARD_1] of Anna"
    )


async def test_a_streamed_answer_never_shows_half_a_placeholder() -> None:
    one = veil()
    one.hide(asked(user("a@example.com")))
    told: list[str] = []

    async def emit(piece: str) -> None:
        told.append(piece)

    unveiling = Unveiling(one, emit)

    for piece in ("I write to ", "[EM", "AIL", "_1", "] now [", "1] and \\", "[EMAIL\\_1\\] [x"):
        await unveiling.feed(piece)

    await unveiling.finish()
    assert "".join(told) == "I write to a@example.com now [1] and a@example.com [x"
    assert all("[EM" not in piece and "AIL" not in piece for piece in told)

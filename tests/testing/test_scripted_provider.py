"""The scripted provider, streamed as the real ones are."""

import pytest

from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.completion import Completion, FinishReason, Usage
from mcp_router.errors import SendFailed
from mcp_router.testing.providers import ScriptedProvider
from tests.providers.examples import ASK, model


@pytest.mark.parametrize(
    ("text", "pieces"), [("Hello", ["He", "llo"]), ("a", ["a"]), ("", [])], ids=["5", "1", "0"]
)
async def test_a_scripted_answer_is_streamed_in_two_pieces(text: str, pieces: list[str]) -> None:
    answer = Completion(
        text=text,
        tool_calls=(),
        finish_reason=FinishReason.STOP,
        usage=Usage(input_tokens=1, output_tokens=1),
        model="m",
    )
    provider = ScriptedProvider([answer])
    emitted: list[str] = []

    async def emit(piece: str) -> None:
        emitted.append(piece)

    assert await provider.stream(model("m"), ASK, timeout_s=1, emit=emit) == answer
    assert emitted == pieces
    assert provider.asked == [(model("m"), ASK)]


async def test_a_scripted_failure_is_raised_and_nothing_emitted() -> None:
    failure = SendFailed("Lost.", evidence=Evidence.UNKNOWN, reason=Reason.RESET)

    async def emit(piece: str) -> None:
        raise AssertionError("nothing is emitted")

    with pytest.raises(SendFailed) as caught:
        await ScriptedProvider([failure]).stream(model("m"), ASK, timeout_s=1, emit=emit)

    assert caught.value is failure

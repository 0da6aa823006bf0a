from dataclasses import replace

from mcp_router.domain.completion import (
    CompletionRequest,
    FinishReason,
    Message,
    Role,
    ToolCall,
    Usage,
)
from mcp_router.sandbox.models.ask import Ask
from mcp_router.sandbox.models.catalog import CATALOG
from mcp_router.sandbox.models.state import (
    REMEMBERED_REQUESTS,
    Behaviour,
    ModelsState,
    ReceivedRequest,
    ScriptedAnswer,
)
from mcp_router.settings import ProviderKind

HAIKU, SONNET = CATALOG[:2]
MINI = CATALOG[4]


def ask(text: str) -> Ask:
    request = CompletionRequest(messages=(Message(role=Role.USER, content=text),))
    return Ask(model=MINI, request=request, body={"said": text}, streamed=False)


def test_latency_is_that_of_the_model_or_of_all() -> None:
    state = ModelsState(latency_ms=5)
    state.set_latency("gpt-5-mini", 80)

    assert (state.latency_of("gpt-5-mini"), state.latency_of("gpt-5-nano")) == (80, 5)

    state.latency_ms = 7

    assert (state.latency_ms, state.latency_of("gpt-5-nano")) == (7, 7)


def test_a_behaviour_decides_on_each_request() -> None:
    def behave(one: Ask) -> Behaviour:
        said = one.request.messages[-1].content
        return Behaviour(latency_ms=len(said), answer=ScriptedAnswer(text=f"You said {said}."))

    state = ModelsState(latency_ms=5, behave=behave)
    taken = state.behaviour(ask("hello"))
    state.script(ScriptedAnswer(text="The script comes first."))
    answers = [state.serve(ask("hello"), taken.answer).completion.text for _ in range(2)]

    assert taken.latency_ms == 5
    assert answers == ["The script comes first.", "You said hello."]


def test_without_a_behaviour_a_request_waits_as_its_model_does() -> None:
    state = ModelsState(latency_ms=5)

    assert state.behaviour(ask("hello")) == Behaviour(latency_ms=5)


def test_requests_are_remembered_with_what_the_model_was_told() -> None:
    state = ModelsState()
    state.serve(ask("one"))
    state.serve(replace(ask("two"), model=HAIKU))

    assert state.requests() == (
        ReceivedRequest(
            kind=ProviderKind.OPENAI,
            model="gpt-5-mini",
            body={"said": "one"},
            request=ask("one").request,
        ),
        ReceivedRequest(
            kind=ProviderKind.ANTHROPIC,
            model="claude-haiku-4-5",
            body={"said": "two"},
            request=ask("two").request,
        ),
    )
    assert [one.body for one in state.requests("gpt-5-mini")] == [{"said": "one"}]


def test_only_the_last_requests_are_remembered() -> None:
    state = ModelsState()

    for number in range(REMEMBERED_REQUESTS + 1):
        state.serve(ask(str(number)))

    said = [one.body["said"] for one in state.requests()]

    assert (len(said), said[0], said[-1]) == (REMEMBERED_REQUESTS, "1", str(REMEMBERED_REQUESTS))


def test_ids_differ_between_answers_and_are_the_same_in_every_run() -> None:
    first, second = ModelsState(), ModelsState()
    ids = [first.serve(ask("x")).id, first.serve(ask("x")).id]

    assert ids == [second.serve(ask("x")).id, second.serve(ask("x")).id]
    assert ids[0] != ids[1]


def test_scripted_answers_come_first_for_the_models_they_name() -> None:
    state = ModelsState()
    call = ToolCall(id="mine", name="lookup_ticket", arguments_json="{}")
    state.script(
        ScriptedAnswer(text="not json", model="gpt-5-mini", times=2),
        ScriptedAnswer(tool_calls=(call,)),
        ScriptedAnswer(text="no", finish_reason=FinishReason.CONTENT_FILTER),
    )
    answers = [state.serve(replace(ask("hi"), model=SONNET)).completion for _ in range(2)]
    answers += [state.serve(ask("hi")).completion for _ in range(3)]

    assert [answer.finish_reason for answer in answers] == [
        FinishReason.TOOL_CALLS,
        FinishReason.CONTENT_FILTER,
        FinishReason.STOP,
        FinishReason.STOP,
        FinishReason.STOP,
    ]
    assert [answer.text for answer in answers[:4]] == ["", "no", "not json", "not json"]
    assert answers[4].text.startswith("Thank you for getting in touch.")
    assert answers[0].tool_calls[0].id.startswith("toolu_")
    assert replace(answers[0].tool_calls[0], id="mine") == call
    assert answers[2].usage == Usage(input_tokens=1, output_tokens=2)


def test_prompt_cache_shows_in_the_usage_only_where_the_provider_caches() -> None:
    state = ModelsState()
    implicit = ask("x" * 8_000)
    unmarked = replace(implicit, model=HAIKU, explicit_cache=True)
    marked = replace(unmarked, body={"system": [{"cache_control": {"type": "ephemeral"}}]})

    def cached(request: Ask) -> tuple[int, int]:
        usage = state.serve(request).completion.usage
        return usage.cache_read_tokens, usage.cache_write_tokens

    assert [cached(implicit), cached(implicit)] == [(0, 0), (2_000, 0)]
    assert [cached(unmarked), cached(unmarked)] == [(0, 0), (0, 0)]
    assert [cached(marked), cached(marked)] == [(0, 2_000), (2_000, 0)]

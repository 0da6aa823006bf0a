import json

import httpx2
import pytest
from pydantic import JsonValue

from mcp_router.domain.completion import CompletionRequest, Message, Role, ToolCall, ToolSpec
from mcp_router.sandbox.credentials import GEMINI_KEY
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.models.app import create_app
from mcp_router.sandbox.models.state import ModelsState
from mcp_router.sandbox.server import SandboxServer
from mcp_router.settings import ProviderKind
from tests.sandbox.conftest import Serve
from tests.sandbox.wire_fixtures import ANSWER, QUESTION, SCHEMA, StillClock, datas

Body = dict[str, JsonValue]

MODEL = "gemini-2.5-flash-lite"
TOOLS: list[JsonValue] = [
    {
        "functionDeclarations": [
            {
                "name": "lookup_ticket",
                "description": "Find one.",
                "parametersJsonSchema": SCHEMA,
            }
        ]
    }
]
CALL: Body = {"functionCall": {"name": "lookup_ticket", "args": {"ticket_id": "42"}}}


@pytest.fixture
def state() -> ModelsState:
    return ModelsState(clock=StillClock())


@pytest.fixture
def server(serve: Serve, state: ModelsState) -> SandboxServer:
    effects = Effects()
    return serve(create_app(ProviderKind.GEMINI, state, effects), effects)


def user(*parts: JsonValue) -> Body:
    return {"role": "user", "parts": list(parts)}


def ask(text: str) -> Body:
    return {"contents": [user({"text": text})]}


def post(
    client: httpx2.Client, server: SandboxServer, body: Body, action: str = "generateContent"
) -> httpx2.Response:
    return client.post(
        f"{server.url}/v1beta/models/{MODEL}:{action}",
        json=body,
        headers={"x-goog-api-key": GEMINI_KEY},
    )


def usage(prompt: int, candidates: int) -> Body:
    return {
        "promptTokenCount": prompt,
        "candidatesTokenCount": candidates,
        "totalTokenCount": prompt + candidates,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
    }


def test_text_is_answered_with_a_candidate(client: httpx2.Client, server: SandboxServer) -> None:
    answer = post(client, server, ask(QUESTION))

    assert (answer.status_code, answer.json()) == (
        200,
        {
            "candidates": [
                {
                    "content": {"parts": [{"text": ANSWER}], "role": "model"},
                    "index": 0,
                    "finishReason": "STOP",
                }
            ],
            "usageMetadata": usage(4, 37),
            "modelVersion": MODEL,
            "responseId": "d0ff5974b6aa52cf562bea59",
        },
    )
    assert server.effects.refs("completion") == (f"gemini/{MODEL}",)


def test_tool_round_asks_for_the_tool_and_then_uses_its_result(
    client: httpx2.Client, server: SandboxServer, state: ModelsState
) -> None:
    question = user({"text": "Please look up ticket 42"})
    first = post(client, server, {"contents": [question], "tools": TOOLS}).json()["candidates"][0]

    assert first == {
        "content": {"parts": [CALL], "role": "model"},
        "index": 0,
        "finishReason": "STOP",
    }

    result: Body = {
        "functionResponse": {"name": "lookup_ticket", "response": {"output": '{"status": "open"}'}}
    }
    contents: list[JsonValue] = [question, first["content"], user(result)]
    second = post(client, server, {"contents": contents, "tools": TOOLS})

    assert second.json()["candidates"][0]["content"]["parts"] == [
        {"text": "I used lookup_ticket and found: status open."}
    ]
    assert state.requests()[1].request == CompletionRequest(
        messages=(
            Message(role=Role.USER, content="Please look up ticket 42"),
            Message(
                role=Role.ASSISTANT,
                content="",
                tool_calls=(
                    ToolCall(id="1-0", name="lookup_ticket", arguments_json='{"ticket_id": "42"}'),
                ),
            ),
            Message(role=Role.TOOL, content='{"status": "open"}', tool_call_id="1-0"),
        ),
        tools=(
            ToolSpec(
                name="lookup_ticket", description="Find one.", parameters_json=json.dumps(SCHEMA)
            ),
        ),
        max_output_tokens=65_536,
    )


@pytest.mark.parametrize(
    ("call_ids", "answered_ids", "paired"),
    [((None, None), (None, None), ["1-0", "1-1"]), (("a", "b"), ("b", "a"), ["b", "a"])],
)
def test_results_belong_to_the_calls_they_name_or_else_come_in_order(
    client: httpx2.Client,
    server: SandboxServer,
    state: ModelsState,
    call_ids: tuple[str | None, ...],
    answered_ids: tuple[str | None, ...],
    paired: list[str],
) -> None:
    calls: list[JsonValue] = [
        {
            "functionCall": {"id": call_id, "name": "lookup_ticket", "args": {}},
            "thoughtSignature": "c2lnbmVk",
        }
        for call_id in call_ids
    ]
    responses: list[JsonValue] = [
        {
            "functionResponse": {
                "id": call_id,
                "name": "lookup_ticket",
                "response": {"status": status},
            }
        }
        for call_id, status in zip(answered_ids, ("open", "solved"), strict=True)
    ]
    contents: list[JsonValue] = [
        user({"text": "Compare two tickets"}),
        {"role": "model", "parts": [{"text": "thinking", "thought": True}, *calls]},
        user(*responses),
    ]
    answer = post(client, server, {"contents": contents}).json()

    assert answer["candidates"][0]["content"]["parts"] == [
        {"text": "I used lookup_ticket and found: status solved."}
    ]
    assert [
        (one.content, one.tool_call_id) for one in state.requests()[0].request.messages[2:]
    ] == [('{"status": "open"}', paired[0]), ('{"status": "solved"}', paired[1])]


def test_instructions_and_limits_are_understood_in_both_spellings(
    client: httpx2.Client, server: SandboxServer, state: ModelsState
) -> None:
    body: Body = {
        **ask("refund"),
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {"maxOutputTokens": 3, "temperature": 0.2},
        "tools": TOOLS,
        "toolConfig": {"functionCallingConfig": {"mode": "NONE"}},
    }
    candidate = post(client, server, body).json()["candidates"][0]

    assert candidate["content"]["parts"] == [{"text": ANSWER[:12]}]
    assert candidate["finishReason"] == "MAX_TOKENS"
    assert state.requests(MODEL)[0].body == body
    assert state.requests(MODEL)[0].request == CompletionRequest(
        messages=(
            Message(role=Role.SYSTEM, content="Be brief."),
            Message(role=Role.USER, content="refund"),
        ),
        max_output_tokens=3,
        temperature=0.2,
    )


def test_stream_carries_the_same_answer_in_pieces(
    client: httpx2.Client, server: SandboxServer
) -> None:
    sent = datas(post(client, server, ask(QUESTION), "streamGenerateContent?alt=sse"))
    candidates = [json.loads(json.dumps(one["candidates"]))[0] for one in sent]

    assert len(sent) == 7
    assert "".join(one["content"]["parts"][0]["text"] for one in candidates) == ANSWER
    assert [one.get("finishReason") for one in candidates] == [None] * 6 + ["STOP"]
    assert sent[-1]["usageMetadata"] == usage(4, 37)
    assert {one["modelVersion"] for one in sent} == {MODEL}


def test_stream_carries_a_tool_call_whole(client: httpx2.Client, server: SandboxServer) -> None:
    body: Body = {**ask("look up ticket 42"), "tools": TOOLS}
    sent = datas(post(client, server, body, "streamGenerateContent?alt=sse"))

    assert [one["candidates"] for one in sent] == [
        [
            {
                "content": {"parts": [CALL], "role": "model"},
                "index": 0,
                "finishReason": "STOP",
            }
        ]
    ]


def test_long_prompt_is_reported_as_cached_the_second_time(
    client: httpx2.Client, server: SandboxServer
) -> None:
    body = ask("refund " + "x" * 5_993)
    usages = [post(client, server, body).json()["usageMetadata"] for _ in range(2)]

    assert usages == [usage(1_500, 37), {**usage(1_500, 37), "cachedContentTokenCount": 1_500}]


def test_key_may_come_in_the_query(client: httpx2.Client, server: SandboxServer) -> None:
    assert client.get(f"{server.url}/v1beta/models?key={GEMINI_KEY}").status_code == 200


@pytest.mark.parametrize("path", ["/v1beta/models", f"/v1beta/models/{MODEL}:generateContent"])
def test_missing_key_is_forbidden(client: httpx2.Client, server: SandboxServer, path: str) -> None:
    method = "GET" if path == "/v1beta/models" else "POST"
    answer = client.request(method, server.url + path)

    assert (answer.status_code, answer.json()) == (
        403,
        {
            "error": {
                "code": 403,
                "message": "Method doesn't allow unregistered callers. Please use API Key.",
                "status": "PERMISSION_DENIED",
            }
        },
    )


@pytest.mark.parametrize("path", ["/v1beta/models", f"/v1beta/models/{MODEL}:generateContent"])
def test_wrong_key_is_an_invalid_argument(
    client: httpx2.Client, server: SandboxServer, path: str
) -> None:
    method = "GET" if path == "/v1beta/models" else "POST"
    answer = client.request(method, server.url + path, headers={"x-goog-api-key": "nope"})

    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": {
                "code": 400,
                "message": "API key not valid. Please pass a valid API key.",
                "status": "INVALID_ARGUMENT",
                "details": [
                    {
                        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                        "reason": "API_KEY_INVALID",
                        "domain": "googleapis.com",
                        "metadata": {"service": "generativelanguage.googleapis.com"},
                    }
                ],
            }
        },
    )
    assert server.effects.count() == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {**ask("x"), "max_tokens": 5},
            'Invalid JSON payload received. Unknown name "max_tokens": Cannot find field.',
        ),
        ({"contents": []}, "Invalid JSON payload received. Invalid value at 'contents': "),
        (
            {"contents": [user({"text": "x"}), {"role": "model", "parts": [CALL]}]},
            "Please ensure that the number of function response parts",
        ),
        (
            {"contents": [user({"functionResponse": {"name": "x", "response": {}}})]},
            "Please ensure that the number of function response parts",
        ),
    ],
)
def test_request_that_google_refuses_is_refused(
    client: httpx2.Client, server: SandboxServer, body: Body, message: str
) -> None:
    answer = post(client, server, body)
    error = answer.json()["error"]

    assert (answer.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert error["message"].startswith(message)
    assert server.effects.count() == 0


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "/v1beta/models/gemini-9:generateContent",
            "models/gemini-9 is not found for API version v1beta.",
        ),
        ("/v1/other", "Method not found."),
    ],
)
def test_unknown_model_or_path_is_not_found(
    client: httpx2.Client, server: SandboxServer, path: str, message: str
) -> None:
    answer = client.post(server.url + path, json=ask("x"), headers={"x-goog-api-key": GEMINI_KEY})

    assert (answer.status_code, answer.json()) == (
        404,
        {"error": {"code": 404, "message": message, "status": "NOT_FOUND"}},
    )


def test_models_are_listed(client: httpx2.Client, server: SandboxServer) -> None:
    answer = client.get(f"{server.url}/v1beta/models", headers={"x-goog-api-key": GEMINI_KEY})

    assert answer.json() == {
        "models": [
            {
                "name": f"models/{model}",
                "displayName": title,
                "inputTokenLimit": 1_048_576,
                "outputTokenLimit": 65_536,
                "supportedGenerationMethods": ["generateContent", "countTokens"],
            }
            for model, title in (
                ("gemini-2.5-flash-lite", "Gemini 2.5 Flash Lite"),
                ("gemini-2.5-flash", "Gemini 2.5 Flash"),
                ("gemini-2.5-pro", "Gemini 2.5 Pro"),
            )
        ]
    }

import httpx2
import pytest

from mcp_router.sandbox.credentials import OPENAI_KEY
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.models.app import create_app
from mcp_router.sandbox.models.state import ModelsState
from mcp_router.sandbox.server import SandboxServer
from mcp_router.settings import ProviderKind
from tests.sandbox.conftest import Serve
from tests.sandbox.openai_fixtures import Body, post, said

CALLED: Body = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {
            "id": "call_7",
            "type": "function",
            "function": {"name": "lookup_ticket", "arguments": '{"ticket_id":"42"}'},
        }
    ],
}


@pytest.fixture
def server(serve: Serve) -> SandboxServer:
    effects = Effects()
    return serve(create_app(ProviderKind.OPENAI, ModelsState(), effects), effects)


@pytest.mark.parametrize(
    ("headers", "message", "code"),
    [
        ({}, "You didn't provide an API key in an Authorization header.", None),
        (
            {"authorization": OPENAI_KEY},
            "You didn't provide an API key in an Authorization header.",
            None,
        ),
        ({"authorization": "Bearer nope"}, "Incorrect API key provided.", "invalid_api_key"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions"])
def test_missing_or_wrong_key_is_refused(
    client: httpx2.Client,
    server: SandboxServer,
    headers: dict[str, str],
    message: str,
    code: str | None,
    path: str,
) -> None:
    method = "GET" if path == "/v1/models" else "POST"
    answer = client.request(method, server.url + path, headers=headers)

    assert (answer.status_code, answer.json()) == (
        401,
        {
            "error": {
                "message": message,
                "type": "invalid_request_error",
                "param": None,
                "code": code,
            }
        },
    )
    assert server.effects.count() == 0


@pytest.mark.parametrize(
    ("change", "status", "code", "parameter", "message"),
    [
        ({"model": "gpt-9"}, 404, "model_not_found", None, "The model `gpt-9` does not exist"),
        ({"messages": []}, 400, "invalid_value", "messages", "Invalid value for 'messages'"),
        (
            {"max_output_tokens": 5},
            400,
            "unknown_parameter",
            "max_output_tokens",
            "Unknown parameter: 'max_output_tokens'.",
        ),
        (
            {"max_tokens": 5},
            400,
            "unsupported_parameter",
            "max_tokens",
            "Unsupported parameter: 'max_tokens' is not supported with this model.",
        ),
        (
            {"temperature": 0.2},
            400,
            "unsupported_value",
            "temperature",
            "Unsupported value: 'temperature' does not support this value",
        ),
        (
            {"messages": [{"content": "hi"}]},
            400,
            "missing_required_parameter",
            "messages.0.role",
            "Missing required parameter: 'messages.0.role'.",
        ),
        (
            {"messages": [{"role": "tool", "content": "x", "tool_call_id": "call_1"}]},
            400,
            None,
            "messages",
            "messages with role 'tool' must be a response to a preceding message",
        ),
        (
            {"messages": [CALLED, {"role": "user", "content": "hi"}]},
            400,
            None,
            "messages",
            "An assistant message with 'tool_calls' must be followed by tool messages",
        ),
        (
            {"messages": [CALLED]},
            400,
            None,
            "messages",
            "An assistant message with 'tool_calls' must be followed by tool messages",
        ),
    ],
)
def test_request_that_openai_refuses_is_refused(
    client: httpx2.Client,
    server: SandboxServer,
    change: Body,
    status: int,
    code: str | None,
    parameter: str | None,
    message: str,
) -> None:
    answer = post(client, server, {"model": "gpt-5-mini", "messages": said("hi"), **change})
    error = answer.json()["error"]

    assert answer.status_code == status
    assert error["message"].startswith(message)
    assert (error["type"], error["code"], error["param"]) == (
        "invalid_request_error",
        code,
        parameter,
    )
    assert server.effects.count() == 0


def test_body_that_is_no_json_is_refused(client: httpx2.Client, server: SandboxServer) -> None:
    answer = client.post(
        f"{server.url}/v1/chat/completions",
        content=b"{",
        headers={"authorization": f"Bearer {OPENAI_KEY}"},
    )

    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        "We could not parse the JSON body of your request."
    )


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/completions"), ("GET", "/v1/chat/completions")]
)
def test_unknown_path_is_not_found(
    client: httpx2.Client, server: SandboxServer, method: str, path: str
) -> None:
    answer = client.request(method, server.url + path)

    assert (answer.status_code, answer.json()) == (
        404,
        {
            "error": {
                "message": f"Invalid URL ({method} {path})",
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            }
        },
    )

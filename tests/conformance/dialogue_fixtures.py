"""The tools and prompts that the official suite calls by name: those that ask the client back.

Two ways exist. Up to 2025-11-25 a server sends requests and notifications while a tool runs; in
2026-07-28 the tool returns an `InputRequiredResult` and the client calls again with the answers.
"""

import warnings
from collections.abc import Mapping

from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Message, UserMessage
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CallToolResult,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    TextContent,
)

Asked = CallToolResult | InputRequiredResult
Schema = Mapping[str, object]


def mount_dialogue(server: MCPServer) -> None:
    """Add every fixture that reports, logs, asks, or changes what the server lists."""
    _mount_progress(server)
    _mount_requests(server)
    _mount_changes(server)
    _mount_one_round(server)
    _mount_choosy_round(server)
    _mount_rounds_with_state(server)


def _done(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)])


def _user(text: str) -> SamplingMessage:
    return SamplingMessage(role="user", content=TextContent(type="text", text=text))


def _mount_progress(server: MCPServer) -> None:
    @server.tool(description="Reports its progress three times.")
    async def test_tool_with_progress(ctx: Context) -> CallToolResult:
        for progress in (0, 50, 100):
            await ctx.report_progress(progress, 100)

        return _done("Progress reported.")

    async def log(ctx: Context, text: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MCPDeprecationWarning)
            await ctx.info(text)

    @server.tool(description="Logs three times.")
    async def test_tool_with_logging(ctx: Context) -> CallToolResult:
        for text in ("Tool execution started", "Tool processing data", "Tool execution completed"):
            await log(ctx, text)

        return _done("Logged.")

    @server.tool(description="Logs once, if the client wants logs.")
    async def test_logging_tool(ctx: Context) -> CallToolResult:
        await log(ctx, "A line that only an interested client gets.")
        return _done("Logged.")


def _mount_requests(server: MCPServer) -> None:
    @server.tool(description="Asks the client's model.")
    async def test_sampling(prompt: str, ctx: Context) -> CallToolResult:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MCPDeprecationWarning)
            answer = await ctx.session.create_message(
                [_user(prompt)], max_tokens=100, related_request_id=ctx.request_id
            )

        return _done(f"LLM response: {answer.content}")

    async def ask(ctx: Context, message: str, properties: Schema) -> CallToolResult:
        schema = {"type": "object", "properties": dict(properties), "required": list(properties)}
        answer = await ctx.session.elicit_form(message, schema, ctx.request_id)
        return _done(f"Elicitation completed: action={answer.action}, content={answer.content}")

    @server.tool(description="Asks the user for a name and an address.")
    async def test_elicitation(message: str, ctx: Context) -> CallToolResult:
        return await ask(
            ctx, message, {"username": {"type": "string"}, "email": {"type": "string"}}
        )

    @server.tool(description="Asks the user with a default for every kind of answer.")
    async def test_elicitation_sep1034_defaults(ctx: Context) -> CallToolResult:
        return await ask(ctx, "Confirm your details", DEFAULTS)

    @server.tool(description="Asks the user with every kind of choice.")
    async def test_elicitation_sep1330_enums(ctx: Context) -> CallToolResult:
        return await ask(ctx, "Choose", CHOICES)

    @server.tool(description="Asks the user while the answer streams.")
    async def test_streaming_elicitation() -> Asked:
        return InputRequiredResult(input_requests={"go_on": _form("Go on?", ok="boolean")})

    @server.tool(description="Works only for a client that offers its model.")
    async def test_missing_capability(ctx: Context) -> CallToolResult:
        declared = ctx.client_capabilities
        if declared is None or declared.sampling is None:
            raise MCPError(
                code=MISSING_REQUIRED_CLIENT_CAPABILITY,
                message="This tool needs the client's sampling.",
                data={"requiredCapabilities": {"sampling": {}}},
            )

        return _done("The client offers its model.")


DEFAULTS: Schema = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True},
}

_PLAIN = ["option1", "option2", "option3"]
_TITLED = [{"const": f"value{n}", "title": f"Choice {n}"} for n in (1, 2, 3)]
CHOICES: Schema = {
    "untitledSingle": {"type": "string", "enum": _PLAIN},
    "titledSingle": {"type": "string", "oneOf": _TITLED},
    "legacyEnum": {
        "type": "string",
        "enum": ["opt1", "opt2", "opt3"],
        "enumNames": ["Option One", "Option Two", "Option Three"],
    },
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": _PLAIN}},
    "titledMulti": {"type": "array", "items": {"anyOf": _TITLED}},
}


def _mount_changes(server: MCPServer) -> None:
    @server.tool(description="Says that the tools have changed.")
    async def test_trigger_tool_change(ctx: Context) -> CallToolResult:
        await ctx.notify_tools_changed()
        return _done("Told the subscribers.")

    @server.tool(description="Says that the prompts have changed.")
    async def test_trigger_prompt_change(ctx: Context) -> CallToolResult:
        await ctx.notify_prompts_changed()
        return _done("Told the subscribers.")


def _form(message: str, **kinds: str) -> InputRequest:
    properties = {name: {"type": kind} for name, kind in kinds.items()}
    schema = {"type": "object", "properties": properties, "required": list(kinds)}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def _sampling(text: str) -> InputRequest:
    params = CreateMessageRequestParams(messages=[_user(text)], max_tokens=100)
    return CreateMessageRequest(params=params)


def _mount_one_round(server: MCPServer) -> None:
    async def once(ctx: Context, key: str, request: InputRequest) -> Asked:
        """Ask under `key` until that answer is there, whatever else the client sends."""
        if (ctx.input_responses or {}).get(key) is None:
            return InputRequiredResult(input_requests={key: request})

        return _done("Thank you.")

    @server.tool(description="Asks the user's name.")
    async def test_input_required_result_elicitation(ctx: Context) -> Asked:
        answer = (ctx.input_responses or {}).get("user_name")
        if not isinstance(answer, ElicitResult) or answer.content is None:
            request = _form("What is your name?", name="string")
            return InputRequiredResult(input_requests={"user_name": request})

        return _done(f"Hello, {answer.content['name']}!")

    @server.tool(description="Asks the client's model.")
    async def test_input_required_result_sampling(ctx: Context) -> Asked:
        return await once(ctx, "capital_question", _sampling("What is the capital of France?"))

    @server.tool(description="Asks for the client's roots.")
    async def test_input_required_result_list_roots(ctx: Context) -> Asked:
        return await once(ctx, "client_roots", ListRootsRequest())


def _mount_choosy_round(server: MCPServer) -> None:
    @server.tool(description="Asks only what the client can answer.")
    async def test_input_required_result_capabilities(ctx: Context) -> Asked:
        declared = ctx.client_capabilities
        if declared is not None and declared.elicitation is not None:
            request = _form("What is your name?", name="string")
            return InputRequiredResult(input_requests={"user_name": request})

        return InputRequiredResult(input_requests={"greeting": _sampling("Generate a greeting")})

    @server.prompt(description="Asks for its context.")
    async def test_input_required_result_prompt(ctx: Context) -> Message | InputRequiredResult:
        answer = (ctx.input_responses or {}).get("user_context")
        if not isinstance(answer, ElicitResult) or answer.content is None:
            request = _form("What context should the prompt use?", context="string")
            return InputRequiredResult(input_requests={"user_context": request})

        return UserMessage(f"Use this context: {answer.content['context']}")


def _mount_rounds_with_state(server: MCPServer) -> None:
    @server.tool(description="Asks for a confirmation and remembers that it did.")
    async def test_input_required_result_request_state(ctx: Context) -> Asked:
        if ctx.request_state is None:
            return InputRequiredResult(
                input_requests={"confirm": _form("Please confirm", ok="boolean")},
                request_state="asked",
            )

        return _done("state-ok" if ctx.request_state == "asked" else "state-wrong")

    @server.tool(description="Asks for a confirmation; a state that was tampered with is refused.")
    async def test_input_required_result_tampered_state(ctx: Context) -> Asked:
        return await test_input_required_result_request_state(ctx)

    @server.tool(description="Asks the user, the model and for roots at once.")
    async def test_input_required_result_multiple_inputs(ctx: Context) -> Asked:
        requests = {
            "user_name": _form("What is your name?", name="string"),
            "greeting": _sampling("Generate a greeting"),
            "client_roots": ListRootsRequest(),
        }
        if set(ctx.input_responses or {}) >= set(requests):
            return _done("Thank you for all three.")

        return InputRequiredResult(input_requests=requests, request_state="asked-three")

    @server.tool(description="Asks twice, one after the other.")
    async def test_input_required_result_multi_round(ctx: Context) -> Asked:
        steps = {
            None: ("step1", "Step 1: What is your name?"),
            "step1": ("step2", "Step 2: What is your favorite color?"),
        }
        if ctx.request_state not in steps:
            return _done("Thank you for both.")

        step, message = steps[ctx.request_state]
        return InputRequiredResult(
            input_requests={step: _form(message, answer="string")}, request_state=step
        )

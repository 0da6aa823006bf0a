"""The door of every tool call: who calls, with what, and what the host is told."""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import replace

from mcp_types import CallToolResult, TextContent

from mcp_router.app import App
from mcp_router.canonical import JsonValue
from mcp_router.domain.call import Call
from mcp_router.domain.caller import Caller
from mcp_router.domain.ids import make_id
from mcp_router.errors import (
    InvalidArguments,
    MissingScope,
    RouterError,
    UnknownTool,
    public_error,
)
from mcp_router.telemetry.logs import without_words
from mcp_router.telemetry.tracing import told_context
from mcp_router.tools.refusals import parse
from mcp_router.tools.tool import ID_CHARACTERS, MAX_ID, AnyTool, Arguments
from mcp_router.tools.writing import WriteArguments

KEY_META = "dev.mcp-router/idempotency-key"
RUN_META = "dev.mcp-router/run-id"
CALL_META = "dev.mcp-router/call-id"
KEY_HEADER = "idempotency-key"
MAX_KEY = 255

_ID = re.compile(f"{ID_CHARACTERS}{{1,{MAX_ID}}}")

_logger = logging.getLogger(__name__)


class Door:
    """Lets calls in, and only coded errors out."""

    def __init__(self, app: App) -> None:
        """Open the door to `app`."""
        self._app = app

    def call(
        self,
        tool: str,
        caller: Caller,
        *,
        client: str | None,
        meta: Mapping[str, object],
        headers: Mapping[str, str],
    ) -> Call:
        """Return the facts about a call that its transport knows."""
        now_ms = self._app.clock.now_ms()
        key = meta.get(KEY_META)
        return Call(
            call_id=make_id("dec", now_ms, self._app.entropy),
            tool=tool,
            caller=caller,
            received_ms=now_ms,
            client=client,
            run_id=_named(meta.get(RUN_META)),
            host_call_id=_named(meta.get(CALL_META)),
            idempotency_key=_named(headers.get(KEY_HEADER) if key is None else key),
            trace=told_context(meta, headers) or self._app.tracer.root(),
        )

    async def serve(self, tool: AnyTool, call: Call, raw: JsonValue) -> CallToolResult:
        """Return the tool's result, or the coded error in its place; one record either way."""
        services = self._app.services

        try:
            arguments = self._admit(tool, call, raw)
        except RouterError as refused:
            return await self._refuse(call, refused)

        call = _complete(call, arguments)

        try:
            result = await tool.serve(services, call, arguments)
        except RouterError as error:
            return error_result(public_error(error), call.call_id)
        except Exception as error:  # noqa: BLE001 - nothing but a coded error may leave
            # The host gets a sealed error; where it went wrong is for the log only.
            told = without_words(error)
            _logger.error("call %s of %s failed: %s", call.call_id, call.tool, told)
            return error_result(public_error(error), call.call_id)

        payload = result.model_dump(mode="json")
        return _result(payload, is_error=result.is_error)

    async def unknown(self, call: Call) -> dict[str, JsonValue]:
        """Record a call of a tool that does not exist; return what its caller is told."""
        refused = UnknownTool("There is no tool of that name.")
        await self._app.services.log.refuse(call, refused)
        return _told(refused, call.call_id)

    def _admit(self, tool: AnyTool, call: Call, raw: JsonValue) -> Arguments:
        """Return the arguments if the caller may call and the arguments fit."""
        if tool.scope not in call.caller.scopes:
            raise MissingScope(f"This tool needs the scope {tool.scope}.")

        if call.idempotency_key is not None and not 0 < len(call.idempotency_key) <= MAX_KEY:
            raise InvalidArguments(f"idempotency_key: text of 1 to {MAX_KEY} characters.")

        for name, given in (("run_id", call.run_id), (CALL_META, call.host_call_id)):
            if given is not None and not _ID.fullmatch(given):
                raise InvalidArguments(f"{name}: an id of 1 to {MAX_ID} characters.")

        return parse(tool, raw)

    async def _refuse(self, call: Call, refused: RouterError) -> CallToolResult:
        """Record a refused call and say why it was refused."""
        # What names this call may be the very thing that is wrong with it: none of it is kept.
        unnamed = replace(call, run_id=None, host_call_id=None, idempotency_key=None)

        try:
            await self._app.services.log.refuse(unnamed, refused)
        except RouterError as error:
            return error_result(error, call.call_id)

        return error_result(refused, call.call_id)


def error_result(error: RouterError, call_id: str) -> CallToolResult:
    """Return an error as every tool reports it."""
    return _result(_told(error, call_id), is_error=True)


def _told(error: RouterError, call_id: str) -> dict[str, JsonValue]:
    """Return an error's public fields."""
    return {
        "code": error.code,
        "message": error.message,
        "retryable": error.retryable,
        "next": error.advice,
        "decision_id": call_id,
    }


def _result(payload: dict[str, JsonValue], *, is_error: bool) -> CallToolResult:
    """Return a structured result, with the same as compact text for hosts that read only text."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return CallToolResult(
        content=[TextContent(type="text", text=text)],
        structured_content=payload,
        is_error=is_error,
    )


def _complete(call: Call, arguments: Arguments) -> Call:
    """Return the call with the key and run of its arguments, which go before the transport's."""
    if isinstance(arguments, WriteArguments):
        return replace(
            call,
            idempotency_key=arguments.idempotency_key or call.idempotency_key,
            run_id=arguments.run_id or call.run_id,
        )

    return replace(call, run_id=getattr(arguments, "run_id", None) or call.run_id)


def _named(value: object) -> str | None:
    """Return a name from the metadata: None if there is none, empty if it cannot be a name.

    A key that was given but ignored would let a host believe that its write is guarded.
    """
    return value if value is None or isinstance(value, str) else ""

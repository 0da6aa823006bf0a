"""Says what is wrong with a call's arguments, without a word of what was in them."""

import json
import re

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mcp_router.canonical import JsonValue
from mcp_router.errors import InvalidArguments
from mcp_router.tools.tool import AnyTool, Arguments

_TOLD = 10
# A caller's own keys can hold anything; what looks like the name of an argument is repeated.
_NAME = re.compile("[A-Za-z_]{1,64}")


def parse(tool: AnyTool, raw: JsonValue) -> Arguments:
    """Return the arguments of a call as the tool's own model.

    Raises:
        InvalidArguments: names each argument that is wrong, and what was expected.
    """
    _check_characters(raw)

    try:
        return tool.arguments.model_validate(raw)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=True)
        raise InvalidArguments(_tell(problems)) from None


def _check_characters(raw: JsonValue) -> None:
    """Refuse half of a surrogate pair, which JSON can say and no file or desk can keep.

    Raises:
        InvalidArguments: there is one; which argument holds it is not looked for.
    """
    try:
        json.dumps(raw, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidArguments("An argument holds half of a surrogate pair.") from None


def _tell(problems: list[ErrorDetails]) -> str:
    """Return the problems in one line, the first ten of them."""
    told = dict.fromkeys(f"{_place(one)}: {_expected(one)}" for one in problems[:_TOLD])
    more = f" and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
    return "; ".join(told) + more + "."


def _place(problem: ErrorDetails) -> str:
    """Return where the problem is, as `messages[0].role`."""
    place = ""

    for step in problem["loc"]:
        part = str(step) if isinstance(step, int) or _NAME.fullmatch(step) else "(another)"
        place += f"[{part}]" if isinstance(step, int) else f".{part}" if place else part

    return place or "arguments"


def _expected(problem: ErrorDetails) -> str:
    """Return what was expected, in pydantic's words where they hold no input."""
    match problem["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return "is not an argument of this tool"
        case "value_error":
            return str(problem["msg"]).removeprefix("Value error, ")
        case "string_pattern_mismatch":
            return "does not have the expected form"
        case "union_tag_invalid" | "json_invalid":
            return "is malformed"
        case _:
            return str(problem["msg"])[:1].lower() + str(problem["msg"])[1:]

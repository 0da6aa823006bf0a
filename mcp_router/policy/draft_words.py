"""The words and numbers of a policy document: each with its limits and its JSON Schema."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field, Strict, WithJsonSchema

from mcp_router.canonical import JsonValue
from mcp_router.domain.ticket import Priority, Status
from mcp_router.fields import A_NAME, TARGET_NAME, matching
from mcp_router.marked_yaml import YamlValue

AN_INTENT = "a name such as refund_dispute: small letters, digits and underscores"
AN_ID = "a name such as account-safety: small letters, digits, dashes and underscores"
MAX_PARTS = 200  # intents, pools or rules: more than a person keeps in view, and quick to check
INTENT_NAME = "[a-z][a-z0-9_]{0,63}"
ID = "[a-z0-9][a-z0-9_-]{0,63}"

_A_POLICY = "a name of small letters, digits and dashes"
_POLICY_NAME = "[a-z0-9][a-z0-9-]{0,63}"
_WORD = r"[!-~]{1,64}"
_RULE = f"(tool:)?{ID}"
_LANGUAGE = "same|[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*"


def _listed(value: YamlValue) -> YamlValue:
    """Let one word stand for a list of one."""
    return [value] if isinstance(value, str) else value


def _text(pattern: str, most: int | None = None) -> WithJsonSchema:
    """Return the JSON Schema of a text; its patterns are also those of other languages."""
    schema: Mapping[str, JsonValue] = {"type": "string", "pattern": f"^({pattern})$"}
    return WithJsonSchema({**schema, **({} if most is None else {"maxLength": most})})


Id = Annotated[str, matching(ID, AN_ID), _text(ID)]
IntentName = Annotated[str, matching(INTENT_NAME, AN_INTENT), _text(INTENT_NAME)]
RuleId = Annotated[str, matching(_RULE, AN_ID), _text(_RULE)]
PolicyName = Annotated[str, matching(_POLICY_NAME, _A_POLICY), _text(_POLICY_NAME)]
TargetName = Annotated[str, matching(TARGET_NAME.pattern, A_NAME), _text(TARGET_NAME.pattern)]
Line = Annotated[
    str,
    matching(r"(?=.*\S)[^\x00-\x1f\x7f]{1,200}", "one line of text"),
    _text(r"[^\u0000-\u001f\u007f]*\S[^\u0000-\u001f\u007f]*", 200),
]
Prose = Annotated[
    str,
    matching(r"(?s)(?=.*\S).{1,5000}", "a sentence or more"),
    _text(r"[\s\S]*\S[\s\S]*", 5000),
]
Word = Annotated[str, matching(_WORD, "a word without spaces"), _text(_WORD)]
Language = Annotated[
    str, matching(_LANGUAGE, "`same`, or a language tag such as de or pt-BR"), _text(_LANGUAGE)
]

_WordList = Annotated[list[Word], Field(min_length=1)]
Words = Annotated[_WordList, BeforeValidator(_listed, json_schema_input_type=Word | _WordList)]

TicketStatus = Annotated[Status, Strict(False)]
TicketPriority = Annotated[Priority, Strict(False)]
_StatusList = Annotated[list[TicketStatus], Field(min_length=1)]
_PriorityList = Annotated[list[TicketPriority], Field(min_length=1)]
Statuses = Annotated[
    _StatusList, BeforeValidator(_listed, json_schema_input_type=TicketStatus | _StatusList)
]
Priorities = Annotated[
    _PriorityList, BeforeValidator(_listed, json_schema_input_type=TicketPriority | _PriorityList)
]

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Attempts = Annotated[int, Field(ge=1, le=20)]
Dollars = Annotated[float, Field(gt=0, le=1000)]
Budget = Annotated[float, Field(gt=0, le=1_000_000_000)]
Tokens = Annotated[int, Field(ge=1, le=1_000_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]

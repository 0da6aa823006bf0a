"""The whole document as one form: for its JSON Schema only, since reading goes part by part."""

from typing import Annotated

from pydantic import Field, WithJsonSchema

from mcp_router.policy.draft import (
    BudgetsForm,
    IntentForm,
    LearningForm,
    PoolForm,
    TitleForm,
)
from mcp_router.policy.draft_cases import CaseForm
from mcp_router.policy.draft_rules import DefaultLimitsForm, RuleForm, ToolForm
from mcp_router.policy.draft_words import MAX_PARTS, Id, IntentName
from mcp_router.policy.routed import READING_TOOLS, WRITING_TOOLS

_DeskTool = Annotated[
    str, WithJsonSchema({"type": "string", "enum": sorted(READING_TOOLS | WRITING_TOOLS)})
]


class DocumentForm(TitleForm):
    """What customers want, what can serve them, and which question goes where."""

    limits: DefaultLimitsForm = Field(
        description="what a rule or a tool gets when it says nothing else"
    )
    budgets: BudgetsForm = Field(
        default_factory=BudgetsForm, description="budgets beyond that of one call"
    )
    learning: LearningForm = Field(
        default_factory=lambda: LearningForm.model_validate({"mode": "off"}),
        description="what the policy does with what outcomes teach",
    )
    intents: dict[IntentName, IntentForm] | None = Field(
        default=None,
        max_length=MAX_PARTS,
        description="what customers want, in their own words",
    )
    pools: dict[Id, PoolForm] = Field(
        min_length=1, max_length=MAX_PARTS, description="what can serve a call"
    )
    rules: list[RuleForm] = Field(
        min_length=1,
        max_length=MAX_PARTS,
        description="where completions go; the first rule that holds decides",
    )
    tools: dict[_DeskTool, ToolForm] | None = Field(
        default=None,
        description="where the tools that work with a desk go; one that is not listed is not "
        "available",
    )
    tests: list[CaseForm] | None = Field(
        default=None, max_length=MAX_PARTS, description="the document's own cases"
    )

"""report_outcome: what became of the customer's problem after an answer?"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from mcp_router.audit.log import OK
from mcp_router.domain.call import Call
from mcp_router.domain.caller import Scope
from mcp_router.domain.decision import Decision
from mcp_router.domain.effect import Effect
from mcp_router.domain.learning import Estimate, LessonKind, OutcomeReport
from mcp_router.domain.record import Record
from mcp_router.errors import InvalidArguments
from mcp_router.learning.reward import learns, lessons_from, policy_of
from mcp_router.policy.routed import COMPLETION_TOOL
from mcp_router.services import Services
from mcp_router.tools.tool import Arguments, CallResult, Id, Result, Tool


class ReportOutcomeArguments(Arguments):
    """Which answer, and at least one of `resolved`, `reopened` and `csat`."""

    decision_id: Id = Field(description="Of a route_completion's result.")
    resolved: bool | None = Field(
        default=None, description="Whether the customer's problem is solved."
    )
    reopened: bool | None = Field(
        default=None, description="Whether the customer came back with the same problem."
    )
    csat: Annotated[int, Field(ge=1, le=5)] | None = Field(
        default=None, description="The customer's own rating: 1 is the worst, 5 the best."
    )

    @model_validator(mode="after")
    def _tells_something(self) -> Self:
        """Refuse a report that says nothing."""
        if self.resolved is None and self.reopened is None and self.csat is None:
            raise ValueError("give at least one of resolved, reopened and csat")

        return self

    def report(self) -> OutcomeReport:
        """Return what is told, as the decision log keeps it."""
        return OutcomeReport(
            decision_id=self.decision_id,
            resolved=self.resolved,
            reopened=self.reopened,
            csat=self.csat,
        )


class CountedResult(Result):
    """One thing that was told, and whether it counts."""

    kind: LessonKind = Field(description="What was told.")
    counted: bool = Field(
        description="Whether it counts; not where it was told of this decision before."
    )


class ReportOutcomeResult(CallResult):
    """What the report has taught the router about the model that answered."""

    about: str = Field(description="The decision that the report is about.")
    target: str = Field(description="The model that answered.")
    intent: str | None = Field(description="What the customer was understood to want.")
    learning: bool = Field(
        description="Whether the policy learns from outcomes; if not, nothing counts."
    )
    counted: list[CountedResult] = Field(description="Each thing that was told.")
    expected_reward: float = Field(
        description="What is expected of the model for this intent now, from 0 to 1."
    )
    evidence: float = Field(
        description="How much that rests on, in answers; a report counts as much as five."
    )


async def run(
    services: Services, call: Call, arguments: ReportOutcomeArguments
) -> ReportOutcomeResult:
    """Find the decision, and learn from what is told of it."""
    async with services.log.record(call) as draft:
        draft.report = arguments.report()
        stored = await services.log.find(call.caller.tenant, arguments.decision_id)
        decision, draft.target = _answered(stored.record)
        draft.ticket_id = stored.record.ticket_id
        lessons = lessons_from(stored.record, draft.report)
        counted = {
            one.kind: learns(decision) and await services.estimates.learn(one) for one in lessons
        }
        intent = decision.signals.intent.name
        known = services.estimates.of(policy_of(decision), intent).get(draft.target, Estimate())
        return ReportOutcomeResult(
            decision_id=call.call_id,
            about=arguments.decision_id,
            target=draft.target,
            intent=intent,
            learning=learns(decision),
            counted=[CountedResult(kind=kind, counted=one) for kind, one in counted.items()],
            expected_reward=known.mean,
            evidence=known.successes + known.failures - 2.0,
        )


def _answered(record: Record) -> tuple[Decision, str]:
    """Return the decision that led to an answer, and the model that gave it.

    Raises:
        InvalidArguments: no answer of a model was published by that call.
    """
    answered = record.tool == COMPLETION_TOOL and record.outcome == OK

    if not answered or record.decision is None or record.target is None:
        raise InvalidArguments(
            "decision_id: expected a completion that was answered, and that call was none.",
            next_step="Use the decision_id of a route_completion whose output you have shown.",
        )

    return record.decision, record.target


TOOL = Tool(
    name="report_outcome",
    title="Report an outcome",
    description=(
        "Tell what became of a customer's problem after an answer of route_completion: whether it "
        "was resolved, whether the customer came back with it, how they rated it. Policies that "
        "learn prefer the models whose answers work. Each of these counts once for a decision; it "
        "changes nothing at any desk."
    ),
    arguments=ReportOutcomeArguments,
    result=ReportOutcomeResult,
    run=run,
    effect=Effect.READ,
    scope=Scope.READ,
    idempotent=True,
    open_world=False,
    keeps_books=True,
)

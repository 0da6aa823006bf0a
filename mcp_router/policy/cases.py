"""Cases from a document's `tests`, or from a file of their own."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from mcp_router.domain.money import microusd
from mcp_router.domain.policy_case import Expected, PolicyCase
from mcp_router.domain.signals import Intent, Signals
from mcp_router.marked_yaml import Problem, YamlPath, parse_yaml
from mcp_router.policy.draft_cases import CaseForm, CasesForm, ExpectForm, GivenForm
from mcp_router.policy.routed import COMPLETION_TOOL, READING_TOOLS, WRITING_TOOLS
from mcp_router.review import Review, suggest

LOCAL_TENANT = "local"
MAX_CASES = 2_000

_NUMBERS = ("complexity", "prompt_tokens", "turns")  # what a text shows as well
_TOOLS = frozenset({COMPLETION_TOOL}) | READING_TOOLS | WRITING_TOOLS


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCases:
    """What a file of cases held; where `problems` is not empty, some cases may be missing."""

    cases: tuple[PolicyCase, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePart:
    """A case that could be read, with its place in the document."""

    path: YamlPath
    form: CaseForm


def read_cases(content: bytes, *, file: str) -> ReadCases:
    """Return the cases of a file whose `cases` is a list of them; never raises for bad content.

    `file` is the name that problems carry. Whether the rules, pools and targets exist is the
    policy's to say: a case that expects one that does not fails.
    """
    document = parse_yaml(content, file=file)

    if document.problems and document.value is None:
        return ReadCases(cases=(), problems=document.problems)

    review = Review(document)
    review.read(CasesForm, ())
    parts = tuple(case_parts(review, "cases"))
    check_cases(parts, review)
    cases = tuple(built_case(part.form) for part in parts)
    return ReadCases(cases=cases, problems=review.problems)


def case_parts(review: Review, section: str) -> Iterator[CasePart]:
    """Yield every case of a section that can be read, after keeping the others' problems."""
    cases = review.document.at((section,))

    for index in range(min(len(cases), MAX_CASES) if isinstance(cases, list) else 0):
        form = review.read(CaseForm, (section, index))

        if form is not None:
            yield CasePart(path=(section, index), form=form)


def check_cases(parts: tuple[CasePart, ...], review: Review) -> None:
    """Keep every problem of cases that can be seen without their policy."""
    seen: set[str] = set()

    for part in parts:
        given = part.form.given or GivenForm()

        if part.form.name in seen:
            review.add((*part.path, "name"), "a name that no other case has")

        if all(value is None for _, value in part.form.expect):
            review.add(
                (*part.path, "expect"), f"at least one of {', '.join(ExpectForm.model_fields)}"
            )

        if part.form.text is not None and given.intent is not None:
            review.add((*part.path, "given", "intent"), "no intent: it is found in `text`")

        if given.tool is not None and given.tool not in _TOOLS:
            advice = suggest(given.tool, sorted(_TOOLS))
            review.add((*part.path, "given", "tool"), f"a tool that a policy routes{advice}")

        seen.add(part.form.name)


def built_case(form: CaseForm) -> PolicyCase:
    """Return the case of a form without problems."""
    return PolicyCase(
        name=form.name,
        given=_signals(form.given or GivenForm()),
        expected=Expected(
            rule=form.expect.rule,
            pool=form.expect.pool,
            target=form.expect.target,
            cache=form.expect.cache,
            refused=form.expect.refused,
        ),
        text=form.text,
        zeros=tuple(name for name in _NUMBERS if getattr(form.given, name, None) == 0),
    )


def _signals(given: GivenForm) -> Signals:
    return Signals(
        tool=given.tool or COMPLETION_TOOL,
        tenant=given.tenant or LOCAL_TENANT,
        intent=_intent(given),
        customer_tier=given.customer_tier,
        locale=given.locale,
        channel=given.channel,
        prompt_tokens=given.prompt_tokens or 0,
        answer_tokens=given.answer_tokens,
        tools_offered=int(given.tools_offered or False),
        tools_required=given.tools_required or False,
        turns=given.turns or 0,
        retrieval_confidence=given.retrieval_confidence,
        safety_flags=_sorted(given.safety_flag),
        sensitive_topics=_sorted(given.sensitive_topic),
        pii_kinds=_sorted(given.pii_kind),
        ticket_status=given.ticket_status,
        ticket_priority=given.ticket_priority,
        complexity=given.complexity or 0.0,
        cache_similarity=given.cache_similarity,
        deadline_s=given.deadline_s,
        ticket_spend_microusd=microusd(Decimal(str(given.ticket_spend_usd or 0))),
    )


def _intent(given: GivenForm) -> Intent:
    """Return the intent that a case says; one without a confidence is meant to be sure."""
    sure = 0.0 if given.intent is None else 1.0
    return Intent(
        name=given.intent, confidence=sure if given.confidence is None else given.confidence
    )


def _sorted(words: list[str] | None) -> tuple[str, ...]:
    return tuple(sorted(set(words or ())))

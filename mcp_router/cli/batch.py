"""Sends many questions through the router at once: each a call of its own, with its record."""

import json
import logging
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio

from mcp_router.app import App
from mcp_router.audit.log import ESCALATED
from mcp_router.canonical import JsonValue
from mcp_router.cli.feed import Feed
from mcp_router.cli.printing import unwritable
from mcp_router.cli.questions import Question
from mcp_router.cli.summary import Outcome, Summary
from mcp_router.domain.call import Call
from mcp_router.domain.caller import trusted_caller
from mcp_router.domain.ids import make_id
from mcp_router.domain.money import usd
from mcp_router.errors import (
    FileUnusable,
    RouterError,
    StorageUnavailable,
    UnknownDecision,
    public_error,
)
from mcp_router.router import Completed, Order
from mcp_router.signals.collect import CallerFacts
from mcp_router.telemetry.logs import without_words
from mcp_router.tools.completion_arguments import RouteCompletionArguments
from mcp_router.tools.refusals import parse
from mcp_router.tools.route_completion import TOOL

CLIENT = "mcp-router route"
INTERRUPTED = "interrupted"

_CALLER = trusted_caller("cli")
_NO_FACTS = CallerFacts()

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a batch runs; `limit` counts questions, blank lines left out."""

    concurrency: int
    limit: int | None = None


class Batch:
    """One run over the questions of a feed. What it has found so far can be read at any time."""

    def __init__(self, app: App, plan: Plan, output: "Output | None") -> None:
        """Prepare to ask `app`; each outcome goes to `output` too, which is closed at the end."""
        self.summary = Summary()
        self.routed_bytes = 0
        self.failure: RouterError | None = None
        self.interrupted = False
        self._app = app
        self._plan = plan
        self._output = output
        self._taken = 0
        self._started_s = time.monotonic()
        self._ended_s: float | None = None

    @property
    def seconds(self) -> float:
        """Return how long the batch has run, or ran."""
        return (self._ended_s or time.monotonic()) - self._started_s

    @property
    def stopped(self) -> str | None:
        """Return what ended the batch before its questions did."""
        if self.failure is not None:
            return self.failure.code

        return INTERRUPTED if self.interrupted else None

    async def run(self, questions: Iterator[Question]) -> None:
        """Ask every question, until SIGINT or SIGTERM, or an error that all others would share.

        Such an error is kept in `failure`. Questions under way then leave a record that they were
        cancelled, and count nowhere.
        """
        feed = Feed(questions)

        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._stop_on_signal, tasks.cancel_scope)

                async with anyio.create_task_group() as asking:
                    for _ in range(self._plan.concurrency):
                        asking.start_soon(self._ask, feed, asking.cancel_scope)

                tasks.cancel_scope.cancel()
        finally:
            self._ended_s = time.monotonic()
            feed.close()
            self._close_output()

    async def _stop_on_signal(self, scope: anyio.CancelScope) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                self.interrupted = True
                scope.cancel()
                return

    async def _ask(self, feed: Feed, scope: anyio.CancelScope) -> None:
        """Ask one question after the other; the first error that ends the batch is kept."""
        try:
            while question := await self._next(feed):
                if question.text:
                    self._note(await _outcome(self._app, question))
                else:
                    self.summary.blank_lines += 1

                self.routed_bytes = max(self.routed_bytes, question.end)
        except (FileUnusable, StorageUnavailable) as error:
            self.failure = self.failure or error
            scope.cancel()

    async def _next(self, feed: Feed) -> Question | None:
        """Return the next question to ask, None after the last one.

        Where the file breaks off, or the limit is reached, the questions under way still get
        their answers.
        """
        try:
            question = await feed.next()
        except FileUnusable as error:
            self.failure = self.failure or error
            return None

        if question is not None and question.text:
            self._taken += 1

            if self._taken == self._plan.limit:
                feed.close()

        return question

    def _close_output(self) -> None:
        try:
            if self._output is not None:
                self._output.close()
        except FileUnusable as error:
            self.failure = self.failure or error

    def _note(self, outcome: Outcome) -> None:
        self.summary.add(outcome)

        if self._output is not None:
            self._output.write(outcome)


class Output:
    """A file of JSON lines, one for each question, in the order in which they ended."""

    def __init__(self, file: Path) -> None:
        """Empty the file.

        Raises:
            FileUnusable: it cannot be written.
        """
        try:
            self._stream = file.open("w", encoding="utf-8")
        except OSError as error:
            raise unwritable(error) from None

    def write(self, outcome: Outcome) -> None:
        """Write one line.

        Raises:
            FileUnusable: the disk is full or gone.
        """
        line: dict[str, JsonValue] = {
            "line": outcome.line,
            "decision_id": outcome.decision_id,
            "intent": outcome.intent,
            "pool": outcome.pool,
            "model": outcome.model,
            "cost_usd": usd(outcome.cost_microusd),
            "latency_ms": outcome.latency_ms,
            "error": outcome.error,
        }

        try:
            self._stream.write(json.dumps(line) + "\n")
        except OSError as error:
            raise unwritable(error) from None

    def close(self) -> None:
        """Write what is left.

        Raises:
            FileUnusable: the disk is full or gone.
        """
        try:
            self._stream.close()
        except OSError as error:
            raise unwritable(error) from None


async def _outcome(app: App, question: Question) -> Outcome:
    """Return what became of a question.

    Raises:
        StorageUnavailable: no record can be kept, so no further question may be asked.
    """
    now_ms = app.clock.now_ms()
    call = Call(
        call_id=make_id("dec", now_ms, app.entropy),
        tool=TOOL.name,
        caller=_CALLER,
        received_ms=now_ms,
        client=CLIENT,
        trace=app.tracer.root(),
    )

    try:
        order = await _order(app, call, question)
        return _answered(call, question, await app.services.router.complete(call, order))
    except StorageUnavailable:
        raise
    except RouterError as error:
        return await _failed(app, call, question, public_error(error).code)
    except Exception as error:  # noqa: BLE001 - a fault of ours fails one question
        _logger.error("call %s failed: %s", call.call_id, without_words(error))
        return await _failed(app, call, question, public_error(error).code)


async def _order(app: App, call: Call, question: Question) -> Order:
    """Return the question as the tool would take it from a host; a refused one is recorded."""
    try:
        arguments = parse(TOOL, {"input": question.text})
    except RouterError as error:
        await app.services.log.refuse(call, error)
        raise

    assert isinstance(arguments, RouteCompletionArguments)
    return Order(request=arguments.request(), facts=_NO_FACTS)


def _answered(call: Call, question: Question, completed: Completed) -> Outcome:
    """Return the outcome of an answer, or that a person has to give it."""
    attempts = completed.attempts
    pools = {one.target: one.pool for one in completed.decision.candidates}
    return Outcome(
        line=question.line,
        decision_id=call.call_id,
        intent=completed.decision.signals.intent.name,
        pool=pools.get(completed.target or "", completed.decision.pool),
        model=completed.target,
        cost_microusd=completed.cost_microusd,
        latency_ms=completed.latency_ms,
        fell_back=bool(attempts) and completed.target not in (None, attempts[0].target),
        error=ESCALATED if completed.escalation else None,
    )


async def _failed(app: App, call: Call, question: Question, code: str) -> Outcome:
    """Return the outcome of a question without an answer, from its record."""
    try:
        record = (await app.services.log.find(call.caller.tenant, call.call_id)).record
    except UnknownDecision:  # the store failed, and the call's own error went first
        raise StorageUnavailable("A question's record could not be kept.") from None

    decision = record.decision
    return Outcome(
        line=question.line,
        decision_id=call.call_id,
        intent=decision.signals.intent.name if decision else None,
        pool=(decision.pool or None) if decision else None,
        model=None,
        cost_microusd=record.cost_microusd,
        latency_ms=record.latency_ms,
        fell_back=False,
        error=code,
    )

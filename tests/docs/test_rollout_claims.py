"""The numbers that the pages give for breakers and rollouts are those of the code."""

import re

from mcp_router.domain.attempt import Reason
from mcp_router.domain.rollout import Bucket, Metric, PolicyChange
from mcp_router.health.board import KEPT_MINUTES
from mcp_router.health.breaker import BreakerPace, Verdict, verdict_of
from mcp_router.health.minutes import SHOWN_MINUTES
from mcp_router.health.sketch import BUCKETS, HIGHEST_MS, RELATIVE_ERROR
from mcp_router.policy.evidence import ALPHA, LEAST_CALLS, LEAST_COSTS
from mcp_router.policy.rollout import read_guards
from mcp_router.rollout.tallies import SERVED
from tests.docs.pages import named, text


def words(page: str) -> str:
    """Return a page without its line breaks."""
    return " ".join(text(page).split())


def test_when_a_breaker_opens_and_for_how_long() -> None:
    pace = BreakerPace()
    told = words("metrics.md")

    assert f"opens after {pace.in_a_row} failures in a row" in told
    assert f"at least half of at least {pace.enough} attempts within {pace.window_s} s" in told
    assert pace.share == 0.5
    assert f"After {pace.pause_s:g} seconds it is half open" in told
    assert f"doubles, up to {pace.longest_pause_s:g} seconds" in told
    assert f"for {pace.longest_limit_s:g} seconds at most" in told
    assert f"given up after {pace.probe_s:g} seconds" in told


def test_which_reasons_are_failures_of_a_target() -> None:
    listed = re.search(r"Failures are (.*?)\.", words("metrics.md"))
    assert listed is not None

    ill = {reason for reason in Reason if verdict_of(reason) is Verdict.ILL}
    assert set(re.findall(r"`(\w+)`", listed[1])) == ill


def test_how_long_and_how_exactly_health_is_kept() -> None:
    told = words("metrics.md")

    assert f"the last {SHOWN_MINUTES} minutes" in told
    assert f"sketches of {BUCKETS} numbers" in told
    assert f"within {RELATIVE_ERROR:.0%}".replace("%", " %") in told
    assert f"from 1 ms to {HIGHEST_MS // 1000} s" in told
    assert f"for {KEPT_MINUTES // 1440} days" in told


def test_what_a_rollout_may_be_is_told() -> None:
    shown = named("rollouts.md")

    assert {*Bucket, *PolicyChange, *SERVED} - shown == set()
    guards = [one for one in shown if re.fullmatch(r"(success|p95|cost)[<>]=\S+", one)]
    assert {guard.metric for one in guards for guard in read_guards(one)} == set(Metric)


def test_the_promise_of_the_guards() -> None:
    told = words("rollouts.md")

    assert f"is at most {ALPHA * 100:g} %, whatever the number of calls" in told
    assert f"before the candidate has had {LEAST_CALLS} calls" in told
    assert f"needs {LEAST_COSTS} calls of each arm" in told

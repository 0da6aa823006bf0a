"""Which key a write gets: the host's word, else the slot of the run, else the arguments' window."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_router.domain.effect import Effect
from mcp_router.ledger.keys import (
    WINDOW_MS,
    Intention,
    Key,
    KeySource,
    choose_key,
    fingerprint,
)
from mcp_router.testing.clock import NOON_MS

INTENTION = Intention(
    tenant="acme",
    principal="copilot",
    tool="reply_to_ticket",
    effect=Effect.NON_IDEMPOTENT_WRITE,
    object_id="7",
    run_id="run-1",
    fingerprint="1:aa",
)
OTHERS = {
    "tenant": "other",
    "principal": "bot",
    "tool": "add_internal_note",
    "object_id": "8",
    "run_id": "run-2",
}


def key(explicit: str | None, intention: Intention, now_ms: int = NOON_MS) -> Key:
    return choose_key(explicit, intention, now_ms, "key_fresh")


def test_the_hosts_own_key_wins_over_everything() -> None:
    expected = Key(text="mine", source=KeySource.EXPLICIT)

    assert key("mine", INTENTION) == expected
    assert key("mine", replace(INTENTION, run_id=None)) == expected
    assert key("mine", replace(INTENTION, effect=Effect.IDEMPOTENT_WRITE)) == expected


def test_within_a_run_the_slot_is_the_key_whatever_the_words_and_the_time() -> None:
    first = key(None, INTENTION)

    assert first.source is KeySource.SLOT
    assert first.twins == ()
    assert key(None, replace(INTENTION, fingerprint="1:bb"), NOON_MS + 10**9) == first
    assert key(None, replace(INTENTION, effect=Effect.IDEMPOTENT_WRITE)) == first


@pytest.mark.parametrize("name", OTHERS)
def test_another_slot_has_another_key(name: str) -> None:
    other = replace(INTENTION, **{name: OTHERS[name]})  # type: ignore[arg-type]  # text fields only

    assert key(None, other).text != key(None, INTENTION).text


def test_parts_of_a_slot_do_not_run_into_each_other() -> None:
    one = replace(INTENTION, tenant="a", principal="bc")
    other = replace(INTENTION, tenant="ab", principal="c")

    assert key(None, one).text != key(None, other).text


def test_without_a_run_a_repeatable_write_gets_a_fresh_key() -> None:
    write = replace(INTENTION, run_id=None, effect=Effect.IDEMPOTENT_WRITE)

    assert key(None, write) == Key(text="key_fresh", source=KeySource.FRESH)


def test_without_a_run_the_arguments_are_the_key_for_one_window() -> None:
    write = replace(INTENTION, run_id=None)
    start_ms = NOON_MS - NOON_MS % WINDOW_MS
    first = key(None, write, start_ms)

    assert first.source is KeySource.HEURISTIC
    assert key(None, write, start_ms + WINDOW_MS - 1) == first
    assert key(None, replace(write, fingerprint="1:bb"), start_ms).text != first.text

    after = key(None, write, start_ms + WINDOW_MS)
    assert after.text != first.text
    assert after.twins[0] == first.text
    assert first.twins[1] == after.text


@given(st.integers(0, 2**41), st.integers(0, WINDOW_MS - 1))
def test_two_moments_less_than_a_window_apart_always_meet(at_ms: int, later_ms: int) -> None:
    write = replace(INTENTION, run_id=None)
    first, second = key(None, write, at_ms), key(None, write, at_ms + later_ms)

    assert first.text in (second.text, *second.twins)
    assert second.text in (first.text, *first.twins)


def test_keys_tell_nothing_of_their_parts() -> None:
    text = key(None, replace(INTENTION, object_id="maya@example.com")).text

    assert text.startswith("slot:")
    assert len(text) == 45
    assert "maya" not in text


def test_a_fingerprint_has_its_version_and_depends_on_tool_and_arguments_alone() -> None:
    one = fingerprint("t", {"a": 1, "b": "e\u0301"})

    assert one.startswith("1:")
    assert one == fingerprint("t", {"b": "é", "a": 1.0})
    assert len({one, fingerprint("u", {"a": 1, "b": "é"}), fingerprint("t", {"a": 2})}) == 3


def test_a_call_that_the_host_names_is_a_key_of_its_own_within_its_run() -> None:
    named = replace(INTENTION, host_call_id="call-1")
    first = key(None, named)

    assert (first.source, first.twins) == (KeySource.CALL, ())
    assert first.text.startswith("call:")
    assert key(None, replace(named, fingerprint="1:bb"), NOON_MS + 10**9) == first
    assert key(None, replace(named, effect=Effect.IDEMPOTENT_WRITE)) == first
    assert key("mine", named).source is KeySource.EXPLICIT
    assert len({first.text, key(None, INTENTION).text}) == 2
    assert key(None, replace(named, host_call_id="call-2")).text != first.text


@pytest.mark.parametrize("name", OTHERS)
def test_another_call_of_the_same_name_has_another_key(name: str) -> None:
    named = replace(INTENTION, host_call_id="call-1")
    other = replace(named, **{name: OTHERS[name]})  # type: ignore[arg-type]  # text fields only

    assert key(None, other).text != key(None, named).text


def test_the_name_of_a_call_means_nothing_without_its_run() -> None:
    named = replace(INTENTION, host_call_id="call-1", run_id=None)
    unnamed = replace(named, host_call_id=None)

    assert key(None, named) == key(None, unnamed)
    assert key(None, named).source is KeySource.HEURISTIC

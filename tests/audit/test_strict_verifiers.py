"""What both verifiers do not take for the whole of a log that was signed, or for a log at all."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.audit.exports import (
    Exported,
    begun_after,
    edited,
    head_of,
    headless,
    ours,
    relinked,
    routers,
    stand_alone,
    theirs,
)


def test_a_part_of_the_log_never_reads_as_the_whole_of_it(part: Exported) -> None:
    for verifier, told in (
        (
            stand_alone,
            "PART of the log, 24 of 31 rows left out: 7 rows, covered up to row 31 ",
        ),
        (routers, "A PART of rows 1 to 31: 7 read, 24 left out, 3 heads, signed up to row 31. "),
    ):
        strict, accepting = verifier(part), verifier(part, "--part")

        assert (strict[0], accepting[0]) == (1, 0)
        assert strict[1].startswith(told)
        assert accepting[1].startswith(told)
        assert "--part" in strict[1]
        assert "--part" not in accepting[1]


def test_a_part_with_nothing_in_it_is_not_called_empty(whole: Exported) -> None:
    begun_after(whole, 31)
    whole.change(filtered=True)
    whole.proofs.write_text("", encoding="utf-8")

    for verifier in (stand_alone, routers):
        ends_with, told = verifier(whole)
        assert (ends_with, "PART" in told, "31" in told, "empty" in told) == (1, True, True, False)


def test_a_head_that_covers_every_row_may_come_from_the_anchor(whole: Exported) -> None:
    headless(whole)

    assert (ours(whole), theirs(whole)) == (1, 1)
    assert (ours(whole, anchor=True), theirs(whole, anchor=True)) == (None, None)


@pytest.mark.parametrize("lines", ["", "\n{}\nstarted\n"])
def test_an_anchor_without_a_head_is_no_evidence(whole: Exported, lines: str) -> None:
    whole.anchor.write_text(lines, encoding="utf-8")

    for verifier in (stand_alone, routers):
        code, told = verifier(whole, "--anchor", str(whole.anchor))
        assert code == 1
        assert "holds no head" in told


def test_without_a_key_an_export_that_is_not_signed_is_said_to_be_so(whole: Exported) -> None:
    headless(whole)

    router, alone = routers(whole, key=""), stand_alone(whole, key="")

    assert (router[0], alone[0]) == (0, 0)
    assert "No signed head covers any row" in router[1]
    assert alone[1].endswith(" NOT signed\n")


@pytest.mark.parametrize("key", ["", "x", "11" * 31, "router.pub"])
def test_a_key_that_is_none_is_not_left_out(whole: Exported, key: str) -> None:
    ends_with, told = stand_alone(whole, "--public-key", key, key="")

    assert ends_with == 2
    assert "--public-key" in told


def test_other_lines_of_a_collected_output_are_passed_over(whole: Exported) -> None:
    heads = whole.anchor.read_bytes().splitlines(keepends=True)
    strange = [b"INFO started\n", b"\n", b"\xff\n", b"[1]\n", b"7\n", b"[" * 100_000 + b"\n"]
    whole.anchor.write_bytes(b"".join([*strange, *heads]))

    assert (ours(whole, anchor=True), theirs(whole, anchor=True)) == (None, None)
    edited(whole, 25)
    relinked(whole, 25, 31)
    whole.change(heads=[])
    assert (ours(whole, anchor=True), theirs(whole, anchor=True)) == (22, 22)


DEEP = "[" * 100_000 + "]" * 100_000


def linked(record: str, *, seq: str = "1") -> str:
    return f'{{"chain":"{"00" * 32}","record":{record},"seq":{seq}}}\n'


def written_over(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


HOSTILE: dict[str, Callable[[Exported], object]] = {
    "keys that are none": lambda one: one.change(keys=["x"]),
    "no keys": lambda one: one.change(keys=7),
    "an endless head": lambda one: one.change(head={**head_of(one), "size": float("inf")}),
    "a head of no number": lambda one: one.change(head={**head_of(one), "size": float("nan")}),
    "a head that is none": lambda one: one.change(head=["x"]),
    "fewer rows than none": lambda one: one.change(
        before={"size": -1, "chain": "00" * 32, "frontier": ["00" * 32]}
    ),
    "a beginning beyond all numbers": lambda one: one.change(
        before={"size": 2**80, "chain": "00" * 32, "frontier": ["00" * 32]}
    ),
    "a manifest that is a list": lambda one: written_over(one.manifest_file, "[]"),
    "a deep manifest": lambda one: written_over(one.manifest_file, DEEP),
    "a deep row": lambda one: written_over(one.file, linked(DEEP)),
    "a record that is a number": lambda one: written_over(one.file, linked("7")),
    "an endless number": lambda one: written_over(one.file, linked("{}", seq="1e999")),
    "a link that is a number": lambda one: written_over(
        one.file, '{"chain":7,"record":{},"seq":1}\n'
    ),
    "heads that are none": lambda one: one.change(heads=7),
    "a head among them that is none": lambda one: one.change(heads=["x"]),
    "a deep proof": lambda one: written_over(one.proofs, DEEP),
    "a proof of no rows": lambda one: written_over(one.proofs, "7\n"),
    "a proof over more than there can be": lambda one: written_over(
        one.proofs, '{"chain":"00","hash":"00","level":100000000000,"seq":1}\n'
    ),
    "a proof over less than a row": lambda one: written_over(
        one.proofs, '{"chain":"00","hash":"00","level":-1,"seq":1}\n'
    ),
    "a proof without a link": lambda one: written_over(
        one.proofs, '{"hash":"00","level":0,"seq":1}\n'
    ),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_evidence_that_is_made_up_is_refused(part: Exported, how: str) -> None:
    HOSTILE[how](part)

    for verifier in (stand_alone, routers):
        ends_with, told = verifier(part, "--part")
        assert ends_with == 1
        assert told.startswith(("BROKEN", "file_unusable: "))

"""Whoever has an export tampers with it: both verifiers see it, and name the row."""

import json
from collections.abc import Callable

import pytest

from mcp_router.audit.sources import Export
from mcp_router.errors import FileUnusable
from tests.audit.exports import (
    VERIFIER,
    Exported,
    begun_after,
    begun_later,
    capitals,
    cut,
    disguised,
    edited,
    forged,
    headed,
    headless,
    in_turn,
    ours,
    put,
    relinked,
    rooted,
    swapped,
    theirs,
)

TAMPERED: dict[str, tuple[Callable[[Exported], object], int, int]] = {
    # what is done, the first row that we name, and that the stand-alone verifier names
    "edited": (lambda one: edited(one, 5), 5, 5),
    "edited in the first row": (lambda one: edited(one, 1), 1, 1),
    "edited in the last row": (lambda one: edited(one, 31), 31, 31),
    "edited, and its link made to fit": (
        in_turn(lambda one: edited(one, 5), lambda one: relinked(one, 5, 5)),
        6,
        6,
    ),
    "edited, and every link after it made to fit": (
        in_turn(lambda one: edited(one, 15), lambda one: relinked(one, 15, 31)),
        12,
        12,
    ),
    "edited, every link made to fit, and the heads between taken away": (
        in_turn(
            lambda one: edited(one, 15),
            lambda one: relinked(one, 15, 31),
            lambda one: one.change(heads=[]),
        ),
        1,
        1,
    ),
    "another link": (lambda one: edited(one, 5, '{"chain":"', '{"chain":"00'), 5, 5),
    "a link in capitals": (capitals, 5, 5),
    "no link": (lambda one: edited(one, 5, '{"chain":', '{"chains":'), 5, 5),
    "a space in between": (lambda one: edited(one, 5, '"tool":', '"tool": '), 5, 5),
    "a name twice": (lambda one: edited(one, 5, '{"at_ms"', '{"at_ms":1,"at_ms"'), 5, 5),
    "other JSON after it": (lambda one: edited(one, 5, "}\n", "} {}\n"), 5, 5),
    "names swapped": (
        lambda one: edited(one, 5, '"record":', '"seq":5,"record":'),
        5,
        5,
    ),
    "no JSON": (lambda one: edited(one, 5, '"record":', "x"), 5, 5),
    "another number": (lambda one: edited(one, 5, '"seq":5', '"seq":6'), 5, 5),
    "deleted": (lambda one: cut(one, 5), 5, 5),
    "the first deleted": (lambda one: cut(one, 1), 1, 1),
    "two deleted": (lambda one: cut(one, 5, 6), 5, 5),
    "the end cut off": (lambda one: cut(one, 30, 31), 30, 30),
    "everything deleted": (lambda one: one.write([]), 1, 1),
    "swapped": (lambda one: swapped(one, 5, 6), 5, 5),
    "a row again": (lambda one: put(one, 6, one.lines()[4]), 5, 6),
    "an empty line": (lambda one: put(one, 6, "\n"), 6, 6),
    "a forged row at the end": (
        lambda one: put(one, 32, one.lines()[4].replace('"seq":5', '"seq":32')),
        32,
        32,
    ),
    "the last line break taken away": (
        lambda one: one.file.write_bytes(one.file.read_bytes()[:-1]),
        31,
        32,
    ),
    "another root": (lambda one: rooted(one, "00" * 32), 31, 31),
    "signed by somebody else": (forged, 31, 31),
    "a signature that is none": (lambda one: one.change(signature="zz"), 31, 31),
    "begun elsewhere": (
        lambda one: one.change(before={"size": 0, "chain": "11" * 32, "frontier": []}),
        1,
        1,
    ),
    "begun later": (
        begun_later,
        2,
        2,
    ),
    "another number of rows": (lambda one: one.change(rows=30), 31, 32),
    "the front cut off, as if it was pruned": (lambda one: begun_after(one, 20), 1, 1),
    "the front cut off where a head was": (lambda one: begun_after(one, 21), 1, 1),
    "everything cut off, as if it was pruned": (lambda one: begun_after(one, 31), 1, 1),
    "a row left out with a proof, and said to be there": (lambda one: disguised(one, 5), 5, 5),
    "edited, and every head taken away": (in_turn(lambda one: edited(one, 5), headless), 5, 5),
    "the end cut off with the head": (
        in_turn(
            lambda one: cut(one, *range(26, 32)), lambda one: one.change(last_seq=25), headless
        ),
        1,
        1,
    ),
    "edited behind an older head": (
        in_turn(
            lambda one: edited(one, 15),
            lambda one: relinked(one, 15, 31),
            lambda one: headed(one, 0),
        ),
        12,
        12,
    ),
    "emptied, with the head": (
        in_turn(lambda one: one.write([]), lambda one: one.change(last_seq=None), headless),
        1,
        1,
    ),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_it_shows_in_an_export(whole: Exported, how: str) -> None:
    tamper, we_name, they_name = TAMPERED[how]

    tamper(whole)

    assert (ours(whole), theirs(whole)) == (we_name, they_name)


@pytest.mark.parametrize("how", [one for one in TAMPERED if "cut off" in one or "left out" in one])
def test_it_shows_beside_an_anchor_as_well(whole: Exported, how: str) -> None:
    tamper, _, _ = TAMPERED[how]

    tamper(whole)

    assert ours(whole, anchor=True) is not None
    assert theirs(whole, anchor=True) is not None


@pytest.mark.parametrize("how", ["edited", "deleted", "swapped", "the end cut off"])
def test_a_manifest_that_was_made_to_fit_does_not_help(whole: Exported, how: str) -> None:
    tamper, we_name, they_name = TAMPERED[how]

    tamper(whole)
    whole.settle()

    assert (ours(whole), theirs(whole)) == (we_name, they_name)


def test_what_was_exported_is_whole_and_fits_its_anchor(whole: Exported, part: Exported) -> None:
    for one in (whole, part):
        assert (ours(one), theirs(one)) == (None, None)
        assert (ours(one, anchor=True), theirs(one, anchor=True)) == (None, None)


def test_a_part_of_the_log_cannot_be_tampered_with_either(part: Exported) -> None:
    before = {path: path.read_bytes() for path in (part.file, part.proofs)}

    def broken(tamper: Callable[[], object]) -> tuple[int | None, int | None]:
        for path, content in before.items():
            path.write_bytes(content)

        tamper()
        return ours(part), theirs(part)

    gaps = part.proofs.read_text(encoding="utf-8").splitlines(keepends=True)

    def gapped(lines: list[str]) -> object:
        return part.proofs.write_text("".join(lines), encoding="utf-8")

    assert [json.loads(row)["seq"] for row in part.lines()] == [4, 8, 12, 16, 20, 24, 28]
    assert broken(lambda: edited(part, 2)) == (8, 8)
    assert broken(lambda: cut(part, 2)) == (8, 8)
    assert broken(lambda: gapped(gaps[1:])) == (1, 1)
    assert broken(lambda: gapped(gaps[:-1])) == (31, 31)
    assert broken(lambda: gapped([gaps[0].replace('"level":1', '"level":0'), *gaps[1:]])) == (2, 2)
    zeros = json.dumps({**json.loads(gaps[0]), "hash": "00" * 32}) + "\n"
    assert broken(lambda: gapped([zeros, *gaps[1:]])) == (1, 1)
    other = json.dumps({**json.loads(gaps[1]), "chain": "00" * 32}) + "\n"
    assert broken(lambda: gapped([gaps[0], other, *gaps[2:]])) == (4, 4)


def test_an_export_without_its_manifest_says_what_to_name(whole: Exported) -> None:
    whole.manifest_file.unlink()

    with pytest.raises(FileUnusable) as caught:
        Export(whole.file)

    assert "audit export --output" in caught.value.advice


def test_the_stand_alone_verifier_can_be_read_in_five_minutes() -> None:
    lines_of_code = VERIFIER.read_text(encoding="utf-8").splitlines()

    assert len(lines_of_code) <= 270
    assert "mcp_router" not in "".join(one for one in lines_of_code if "import" in one)

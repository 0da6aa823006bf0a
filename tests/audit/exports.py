"""Exports of the log with three heads, for whoever tampers with them, and both verifiers."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mcp_router.audit.check import Evidence, verify_export
from mcp_router.audit.merkle import Tree
from mcp_router.audit.sources import MANIFEST, PROOFS, Export
from mcp_router.audit.statements import head_statement, read_anchored
from mcp_router.chain import START, leaf_hash, next_link, unlinked
from tests.audit.logs import FORGER, SIGNER
from tests.cli.running import run
from tests.source_tree import CHECKOUT

Told = tuple[int, str]

VERIFIER = CHECKOUT / "examples" / "verify_export.py"


@dataclass(frozen=True, kw_only=True)
class Exported:
    """An export of the first 31 rows, whole or of one tenant, and the log's anchor."""

    file: Path
    anchor: Path

    def lines(self) -> list[str]:
        return self.file.read_text(encoding="utf-8").splitlines(keepends=True)

    def write(self, lines: list[str]) -> None:
        self.file.write_text("".join(lines), encoding="utf-8")

    def manifest(self) -> dict[str, object]:
        found = json.loads(self.manifest_file.read_text(encoding="utf-8"))
        assert isinstance(found, dict)
        return found

    def change(self, **fields: object) -> None:
        changed = {**self.manifest(), **fields}
        self.manifest_file.write_text(json.dumps(changed), encoding="utf-8")

    def settle(self) -> None:
        """Make the manifest fit the file, as far as its unsigned fields go."""
        rows = self.lines()
        self.change(rows=len(rows), sha256=hashlib.sha256(self.file.read_bytes()).hexdigest())

    @property
    def manifest_file(self) -> Path:
        return self.file.with_name(self.file.name + MANIFEST)

    @property
    def proofs(self) -> Path:
        return self.file.with_name(self.file.name + PROOFS)


def ours(one: Exported, *, anchor: bool = False) -> int | None:
    """Return the first broken row that `audit verify` names."""
    evidence = Evidence(public_key=SIGNER.public_key, anchor=one.anchor if anchor else None)
    finding = verify_export(Export(one.file), evidence).finding
    return None if finding is None else finding.seq


def theirs(one: Exported, *, anchor: bool = False) -> int | None:
    """Return the first broken row that the stand-alone verifier names, outside of our tree."""
    ends_with, told = stand_alone(one, "--part", *(("--anchor", one.anchor) if anchor else ()))
    found = re.match(r"BROKEN at row (\d+): ", told)
    assert (ends_with, found is None) in ((0, True), (1, False)), told
    return int(found[1]) if found else None


def stand_alone(one: Exported, *options: str | Path, key: str = SIGNER.public_key) -> Told:
    """Return how the stand-alone verifier ends, and what it says."""
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            VERIFIER,
            one.file,
            *(("--public-key", key) if key else ()),
            *options,
        ],
        capture_output=True,
        text=True,
        cwd=one.file.parent,
        timeout=30,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def routers(one: Exported, *options: str | Path, key: str = SIGNER.public_key) -> Told:
    """Return how `audit verify` ends, and what it says."""
    known = one.file.with_name("key")
    known.write_text(key, encoding="utf-8")
    named = ("--public-key", known) if key else ()
    done = run("audit", "verify", one.file, *named, *options)
    return done.exit_code, done.stdout + done.stderr


def swapped(one: Exported, first: int, second: int) -> None:
    rows = one.lines()
    rows[first - 1], rows[second - 1] = rows[second - 1], rows[first - 1]
    one.write(rows)


def edited(
    one: Exported, place: int, old: str = '"outcome":"ok"', new: str = '"outcome":"no"'
) -> None:
    rows = one.lines()
    assert old in rows[place - 1]
    rows[place - 1] = rows[place - 1].replace(old, new)
    one.write(rows)


def relinked(one: Exported, first: int, last: int) -> None:
    """Make the links of these rows anew, as they follow from what is there."""
    rows = one.lines()
    chain = bytes.fromhex(link_of(rows[first - 2])) if first > 1 else START

    for place in range(first - 1, last):
        chain = next_link(chain, leaf_of(rows[place]))
        rows[place] = rows[place].replace(link_of(rows[place]), chain.hex())

    one.write(rows)


def capitals(one: Exported) -> None:
    """Write the link of row 5 in capitals."""
    link = link_of(one.lines()[4])
    edited(one, 5, link, link.upper())


def leaf_of(line: str) -> bytes:
    return leaf_hash(unlinked(line.removesuffix("\n").encode()))


def link_of(line: str) -> str:
    link = json.loads(line)["chain"]
    assert isinstance(link, str)
    return link


def cut(one: Exported, *places: int) -> None:
    one.write([row for place, row in enumerate(one.lines(), start=1) if place not in places])


def put(one: Exported, place: int, row: str) -> None:
    rows = one.lines()
    rows.insert(place - 1, row)
    one.write(rows)


def rooted(one: Exported, root: str) -> None:
    """Write another root into the manifest's head, the signature as it was."""
    head = one.manifest()["head"]
    assert isinstance(head, dict)
    one.change(head={**head, "root": root})


def forged(one: Exported) -> None:
    """Sign the manifest's head with a key of one's own."""
    head, _ = read_anchored(one.manifest())
    mine = {**head_of(one), "key_id": FORGER.key_id}
    statement = head_statement(head.head).replace(SIGNER.key_id.encode(), FORGER.key_id.encode())
    one.change(
        head=mine,
        signature=FORGER.sign(statement),
        public_key=FORGER.public_key,
        keys=[{"key_id": FORGER.key_id, "public_key": FORGER.public_key}],
    )


def begun_later(one: Exported) -> None:
    """Leave out the first row, and pretend to go on from something."""
    cut(one, 1)
    one.change(before={"size": 1, "chain": "11" * 32, "frontier": ["22" * 32]})


def headless(one: Exported) -> None:
    """Take every head away, and make the rest fit."""
    rest = {name: value for name, value in one.manifest().items() if name != "head"}
    rest["heads"] = []
    one.manifest_file.write_text(json.dumps(rest), encoding="utf-8")
    one.settle()


def headed(one: Exported, place: int) -> None:
    """Put a head of the anchor into the place of all of the manifest's, and make the rest fit."""
    head = json.loads(one.anchor.read_text(encoding="utf-8").splitlines()[place])
    one.change(heads=[], **head)
    one.settle()


def begun_after(one: Exported, size: int) -> None:
    """Leave out the first rows, and go on from what they really come to."""
    tree, chain = Tree(), START

    for line in one.lines()[:size]:
        leaf = leaf_of(line)
        tree.append(leaf)
        chain = next_link(chain, leaf)

    nodes = [node.hex() for node in tree.frontier().nodes]
    cut(one, *range(1, size + 1))
    one.change(before={"size": size, "chain": chain.hex(), "frontier": nodes})
    one.settle()


def disguised(one: Exported, place: int) -> None:
    """Leave out a row as a part of the log does, in an export that is said to be whole."""
    line = one.lines()[place - 1]
    proof = {"chain": link_of(line), "hash": leaf_of(line).hex(), "level": 0, "seq": place}
    one.proofs.write_text(json.dumps(proof) + "\n", encoding="utf-8")
    cut(one, place)
    one.change(proofs=one.proofs.name)
    one.settle()


def head_of(one: Exported) -> dict[str, object]:
    head = one.manifest()["head"]
    assert isinstance(head, dict)
    return head


def in_turn(*steps: Callable[[Exported], object]) -> Callable[[Exported], object]:
    """Do one thing after the other."""
    return lambda one: [step(one) for step in steps]

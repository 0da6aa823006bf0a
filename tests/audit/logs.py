"""A log with three heads and a tail that none covers yet, for whoever tampers with it."""

import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mcp_router.audit.heads import Anchor, HeadKeeper, HeadPace
from mcp_router.audit.merkle import Proof, Tree, consistency_ranges
from mcp_router.audit.signing import Signer, seeded
from mcp_router.audit.sources import file_heads
from mcp_router.audit.statements import anchor_line, head_statement
from mcp_router.audit_settings import FileAnchor
from mcp_router.canonical import canonical_json
from mcp_router.chain import START, leaf_hash, next_link, row_line
from mcp_router.domain.tree_head import TreeHead
from mcp_router.errors import LogBroken
from mcp_router.storage.store import open_store
from mcp_router.testing.clock import ManualClock
from tests.storage.rows import record

SIGNER = seeded("11" * 32)
FORGER = seeded("66" * 32)
HEADS = (11, 21, 31)  # the first one also covers the event of its key
LAST = 34

Tables = sqlite3.Connection


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A log's file, and the file of its anchor."""

    database: Path
    anchor: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.database}"


def keeper_of(
    store_heads: object,
    signer: Signer = SIGNER,
    *,
    pace: HeadPace | None = None,
    anchors: tuple[Anchor, ...] = (),
    anchored: Iterable[Path] = (),
    alarm: Callable[[LogBroken], None] = lambda broken: None,
) -> HeadKeeper:
    """Return a keeper whose clock stands still; `anchored` are files that were anchored to."""
    files = [FileAnchor(path=path) for path in anchored]
    return HeadKeeper(
        store_heads,  # type: ignore[arg-type]  # every store's own table of heads
        ManualClock(),
        bytes_of_order(),
        signer=lambda: signer,
        pace=pace,
        anchors=anchors,
        anchored=lambda: file_heads(files),
        alarm=alarm,
    )


def bytes_of_order() -> Callable[[int], bytes]:
    numbers = iter(range(1, 10_000))
    return lambda size: next(numbers).to_bytes(size, "big")


async def written(folder: Path) -> Kept:
    """Return a log of 34 rows of two tenants, with heads over 11, 21 and 31 of them."""
    kept = Kept(database=folder / "router.db", anchor=folder / "anchor.jsonl")
    store = open_store(kept.url)
    keeper = keeper_of(store.heads)
    lines: list[str] = []

    for batch in (range(1, 11), range(12, 22), range(22, 32)):
        for number in batch:
            await store.decisions.append(record(str(number), tenant=tenant_of(number)))

        signed = await keeper.sign()
        assert signed is not None
        lines.append(anchor_line(signed, SIGNER.public_key))

    for number in range(32, 35):
        await store.decisions.append(record(str(number)))

    await store.aclose()
    kept.anchor.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return kept


def tenant_of(number: int) -> str:
    return "globex" if number % 4 == 0 else "acme"


def copied(kept: Kept, folder: Path) -> Kept:
    """Return a copy to tamper with."""
    shutil.copytree(kept.database.parent, folder, dirs_exist_ok=True)
    return Kept(database=folder / kept.database.name, anchor=folder / kept.anchor.name)


@contextmanager
def unlocked(kept: Kept) -> Iterator[Tables]:
    """Open the file as its owner can: without any of the triggers that guard it."""
    with closing(sqlite3.connect(kept.database)) as tables:
        triggers = tables.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")

        for (name,) in triggers.fetchall():
            tables.execute(f"DROP TRIGGER {name}")

        yield tables
        tables.commit()


def rechain(tables: Tables) -> None:
    """Compute every leaf and link anew, as who knows the rules can."""
    chain = START

    for seq, text in tables.execute("SELECT seq, record FROM decisions ORDER BY seq").fetchall():
        leaf = leaf_hash(row_line(seq, text).encode())
        chain = next_link(chain, leaf)
        tables.execute("UPDATE decisions SET leaf = ?, chain = ? WHERE seq = ?", (leaf, chain, seq))


def resign(tables: Tables, signer: Signer | None) -> None:
    """Compute every head anew, signed with another key, or with the signatures left as they are."""
    leaves = tables.execute("SELECT leaf, chain FROM decisions ORDER BY seq").fetchall()
    tree, previous = Tree(), 0

    for size, at_ms, key_id, signature in tables.execute(
        "SELECT size, at_ms, key_id, signature FROM tree_heads ORDER BY size"
    ).fetchall():
        proof = Proof(consistency_ranges(previous, size), tree.frontier())

        for index in range(previous, size):
            proof.add(index, leaves[index][0])
            tree.append(leaves[index][0])

        head = TreeHead(
            size=size,
            root=tree.root().hex(),
            chain=leaves[size - 1][1].hex(),
            at_ms=at_ms,
            key_id=signer.key_id if signer else key_id,
        )
        tables.execute(
            "UPDATE tree_heads SET root = ?, chain = ?, key_id = ?, signature = ?, frontier = ?, "
            "consistency = ? WHERE size = ?",
            (
                head.root,
                head.chain,
                head.key_id,
                signer.sign(head_statement(head)) if signer else signature,
                canonical_json([node.hex() for node in tree.frontier().nodes]),
                canonical_json([node.hex() for node in proof.nodes()]),
                size,
            ),
        )
        previous = size

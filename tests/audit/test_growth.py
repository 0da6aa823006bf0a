"""A server that knows a head signs nothing that does not grow out of it, and raises the alarm."""

import json
from pathlib import Path

import pytest

from mcp_router.audit.heads import HeadKeeper, HeadPace
from mcp_router.audit.statements import read_anchor
from mcp_router.errors import LogBroken
from mcp_router.storage.store import open_archive, open_store
from tests.audit.logs import (
    FORGER,
    LAST,
    SIGNER,
    Kept,
    keeper_of,
    resign,
    unlocked,
)
from tests.audit.prunings import prune
from tests.audit.test_tampering import (
    FORGET,
    TRUNCATE,
    Tamper,
    edit,
    script,
    with_chain,
    with_heads,
    without_heads,
)
from tests.storage.rows import record


class Sink:
    """An anchor that keeps the sizes of the heads that it is sent."""

    name = "a list"

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def send(self, line: str) -> None:
        found = read_anchor(line)
        assert found is not None
        self.sizes.append(found[0].head.size)


async def signs_anew(url: str) -> None:
    """Sign a head as `mcp-router audit sign` does: in a process that knows nothing of before."""
    store = open_store(url)
    assert await keeper_of(store.heads).sign() is not None
    await store.aclose()


# What whoever owns the database, and has the key beside it, can do while a server runs or is away.
BEHIND_ITS_BACK: dict[str, Tamper] = {
    "rewritten, all heads deleted": without_heads,
    "cut off, all heads deleted": script(
        TRUNCATE.format(20), FORGET.format(20), "DELETE FROM tree_heads"
    ),
    "cut off below a head that was anchored": script(
        TRUNCATE.format(25), FORGET.format(25), "DELETE FROM tree_heads WHERE size > 25"
    ),
    "rewritten, the newest head replaced": with_heads(edit(5)),
    "all heads deleted": script("DELETE FROM tree_heads"),
}


@pytest.mark.parametrize("resigned", [False, True])
@pytest.mark.parametrize("how", BEHIND_ITS_BACK)
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_server_does_not_sign_what_forgets_a_head_that_it_knows(
    kept: Kept, how: str, restarted: bool, resigned: bool
) -> None:
    store = open_store(kept.url)
    sink, alarms = Sink(), list[LogBroken]()

    def running() -> HeadKeeper:
        return keeper_of(
            store.heads,
            pace=HeadPace(every_rows=1),
            anchors=(sink,),
            anchored=[kept.anchor],
            alarm=alarms.append,
        )

    server = running()

    if not restarted:
        await server.work()
        assert (sink.sizes, alarms) == ([LAST], [])

    with unlocked(kept) as tables:
        BEHIND_ITS_BACK[how](tables)

    if resigned:
        await signs_anew(kept.url)

    sent = list(sink.sizes)
    await server.work()
    await server.work()
    await store.aclose()

    assert sink.sizes == sent
    assert {one.code for one in alarms} == {"log_broken"}


async def test_heads_that_others_sign_meanwhile_are_followed(kept: Kept) -> None:
    store = open_store(kept.url)
    alarms = list[LogBroken]()
    server = keeper_of(store.heads, anchored=[kept.anchor], alarm=alarms.append)
    await server.work()

    for number in range(35, 38):
        await store.decisions.append(record(str(number)))
        await signs_anew(kept.url)

    await server.work()
    assert alarms == []

    with unlocked(kept) as tables:  # two more, over rows that were rewritten under the first
        with_chain(edit(36))(tables)
        resign(tables, SIGNER)

    await server.work()
    await store.aclose()
    assert [one.code for one in alarms] == ["log_broken"]


async def test_a_server_that_was_away_follows_what_others_signed_and_pruned(kept: Kept) -> None:
    store = open_store(kept.url)
    alarms = list[LogBroken]()
    server = keeper_of(store.heads, alarm=alarms.append)
    await server.work()

    for number in range(35, 37):
        await store.decisions.append(record(str(number)))
        await signs_anew(kept.url)

    with open_archive(kept.url) as archive:
        heads = sum(1 for _ in archive.heads())

    await prune(kept.url, heads)
    await store.decisions.append(record("37"))
    await signs_anew(kept.url)
    await server.work()
    await store.aclose()

    assert alarms == []


async def test_another_log_is_noticed_however_many_heads_it_has_beyond_the_anchored_one(
    kept: Kept, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'other.db'}"
    store = open_store(url)

    for number in range(1, LAST + 3):
        await store.decisions.append(record(f"other-{number}"))

        if number >= LAST:
            await signs_anew(url)

    alarms = list[LogBroken]()
    server = keeper_of(store.heads, anchored=[kept.anchor], alarm=alarms.append)
    await server.work()
    await store.aclose()

    assert [one.code for one in alarms] == ["log_broken"]


async def test_an_anchor_that_is_away_or_of_another_log_does_not_stop_the_signing(
    kept: Kept, tmp_path: Path
) -> None:
    other = tmp_path / "other.jsonl"
    head = json.loads(kept.anchor.read_text(encoding="utf-8").splitlines()[-1])
    head["head"] |= {"size": 99, "key_id": FORGER.key_id}
    other.write_text(json.dumps(head), encoding="utf-8")
    store = open_store(kept.url)
    server = keeper_of(store.heads, anchored=[other, tmp_path / "none.jsonl", tmp_path])

    signed = await server.sign()
    await store.aclose()

    assert signed is not None
    assert signed.head.size == LAST

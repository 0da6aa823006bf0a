"""What is kept is sealed, belongs to one requester, and is gone when its key is forgotten."""

from dataclasses import dataclass, field, replace

import anyio
import pytest

from mcp_router.domain.budget import Account, Balance, BudgetScope
from mcp_router.domain.completion import (
    Completion,
    CompletionRequest,
    FinishReason,
    Message,
    Role,
    Usage,
)
from mcp_router.domain.privacy import ContentKind, Erased, KnownFields
from mcp_router.domain.record import Record
from mcp_router.domain.secret import Secret
from mcp_router.errors import ContentKeyMissing, ContentKeyWrong, StorageUnavailable
from mcp_router.privacy.keeper import Privacy
from mcp_router.privacy.keys import Digester, derived
from mcp_router.privacy.talk import Talk
from mcp_router.privacy_settings import PrivacySettings
from mcp_router.testing.clock import ManualClock
from mcp_router.testing.privacy import MemoryPrivacy
from mcp_router.testing.stores import MemoryRecords
from tests.storage.rows import record

KEY, OTHER_KEY = Secret("a1" * 32), Secret("b2" * 32)
KEPT = PrivacySettings(content=True, key=KEY)
TALK = Talk(tenant="acme", decision_id="dec_1", ticket_id="7", customer_id="4711")
ASK = CompletionRequest(
    messages=(Message(role=Role.USER, content="a@example.com, card 4111 1111 1111 1111"),)
)
DAY_S = 86_400.0


def said(text: str) -> Completion:
    return Completion(
        text=text,
        tool_calls=(),
        finish_reason=FinishReason.STOP,
        usage=Usage(input_tokens=1, output_tokens=1),
        model="m",
    )


@dataclass(kw_only=True)
class Bench:
    settings: PrivacySettings = KEPT
    records: MemoryRecords = field(default_factory=MemoryRecords)
    clock: ManualClock = field(default_factory=ManualClock)
    drawn: int = 0

    def __post_init__(self) -> None:
        self.store = MemoryPrivacy(self.records)
        self.privacy = self.again(self.settings)

    def again(self, settings: PrivacySettings) -> Privacy:
        """Return the keeper of another process over the same store."""
        return Privacy(self.store, self.clock, self.draw, settings=settings)

    def draw(self, size: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(size, "big")

    async def talk(self, talk: Talk = TALK, answer: str = "Dear [EMAIL_1]!") -> str:
        """Let a model answer, and return what is published."""
        veil = await self.privacy.veil(talk)
        veil.hide(ASK)
        published = veil.reveal(said(answer))
        await self.privacy.keep(talk, veil, ASK, published)
        return published.text

    async def restored(self, talk: Talk, text: str = "[EMAIL_1]") -> str:
        """Return what an answer in a later call of that conversation comes back as."""
        veil = await self.privacy.veil(talk)
        return veil.reveal(said(text)).text


def test_content_is_not_kept_without_a_master_key() -> None:
    with pytest.raises(ContentKeyMissing):
        Bench(settings=PrivacySettings(content=True))


async def test_a_store_is_opened_with_the_key_that_it_was_first_used_with() -> None:
    bench = Bench()
    await bench.privacy.begin()
    await bench.again(KEPT).begin()

    with pytest.raises(ContentKeyWrong):
        await bench.again(replace(KEPT, key=OTHER_KEY)).begin()


async def test_content_is_read_back_without_what_is_never_restored() -> None:
    bench = Bench()
    await bench.talk()

    assert await bench.privacy.read("acme", "dec_1") == (
        (
            ContentKind.PROMPT,
            '[{"role":"user","content":"a@example.com, card [CARD_1]","tool_calls":[]}]',
        ),
        (ContentKind.ANSWER, '["Dear a@example.com!",[]]'),
    )
    assert await bench.privacy.read("other", "dec_1") == ()
    rows = await bench.store.contents("acme", "dec_1")
    assert all(b"example.com" not in row.sealed for row in rows)
    assert all("4711" not in row.subject for row in rows)


async def test_content_is_off_by_default() -> None:
    bench = Bench(settings=PrivacySettings(key=KEY))
    await bench.talk()

    assert await bench.store.contents("acme", "dec_1") == ()


async def test_placeholders_go_on_from_call_to_call_of_one_requester() -> None:
    bench = Bench()
    await bench.talk()

    assert await bench.restored(replace(TALK, decision_id="dec_2")) == "a@example.com"


@pytest.mark.parametrize(
    "talk",
    [
        replace(TALK, customer_id="4712"),
        replace(TALK, customer_id=None),
        replace(TALK, ticket_id="8"),
        replace(TALK, ticket_id=None, run_id="7"),
        replace(TALK, tenant="other"),
    ],
    ids=["another customer", "nobody named", "another ticket", "a run", "another tenant"],
)
async def test_nobody_else_gets_a_value_back(talk: Talk) -> None:
    bench = Bench()
    await bench.talk()

    assert await bench.restored(talk) == "[EMAIL_1]"


async def test_a_card_does_not_come_back_and_is_nowhere_in_the_vault() -> None:
    bench = Bench()
    await bench.talk()
    veil = await bench.privacy.veil(TALK)

    assert await bench.restored(TALK, "[CARD_1]") == "[CARD_1]"
    assert "4111" not in repr(veil.state)
    veil.hide(ASK)
    assert len(veil.state.given) == 2, "the same card has the same placeholder"


async def test_without_a_master_key_nothing_is_stored_of_a_conversation() -> None:
    bench = Bench(settings=PrivacySettings())
    assert await bench.talk() == "Dear a@example.com!"

    assert await bench.restored(TALK) == "[EMAIL_1]"


async def test_a_conversation_is_forgotten_after_a_day() -> None:
    bench = Bench()
    await bench.talk()
    bench.clock.advance(DAY_S + 1)

    assert await bench.restored(TALK) == "[EMAIL_1]"
    await bench.privacy.prune()
    assert await bench.privacy.erase("acme", "customer:4711", who="maya", why="x") == Erased(
        keys=1, contents=2, vaults=0
    )


async def test_erasing_leaves_nothing_to_open_and_one_event_without_a_name() -> None:
    bench = Bench()
    await bench.talk()

    erased = await bench.privacy.erase("acme", "customer:4711", who="maya", why="she asked")

    assert erased == Erased(keys=1, contents=2, vaults=1)
    assert await bench.privacy.read("acme", "dec_1") == ()
    assert await bench.restored(TALK) == "[EMAIL_1]"
    (event,) = bench.records.records
    assert event.content_event is not None
    assert (event.tenant, event.principal, event.tool) == ("acme", "maya", "privacy")
    assert (event.content_event.who, event.content_event.why) == ("maya", "she asked")
    assert event.content_event.change == "erased"
    assert len(event.content_event.subject) == 64
    assert "4711" not in repr(event)


async def test_a_reason_with_an_address_in_it_enters_the_log_without_it() -> None:
    bench = Bench()

    await bench.privacy.erase("acme", "customer:1", who="maya", why="mail of a@example.com")

    (event,) = bench.records.records
    assert event.content_event is not None
    assert event.content_event.why.startswith("mail of [EMAIL:")


async def test_a_subject_is_erased_and_others_stay() -> None:
    bench = Bench()
    await bench.talk()
    await bench.talk(replace(TALK, decision_id="dec_2", customer_id="4712"))
    await bench.privacy.erase("acme", "customer:4711", who="maya", why="x")

    assert len(await bench.privacy.read("acme", "dec_2")) == 2


async def test_what_is_kept_after_erasing_is_kept_under_a_new_key() -> None:
    bench = Bench()
    await bench.talk()
    await bench.privacy.erase("acme", "customer:4711", who="maya", why="x")
    await bench.talk(replace(TALK, decision_id="dec_2"))

    assert await bench.privacy.read("acme", "dec_1") == ()
    assert len(await bench.privacy.read("acme", "dec_2")) == 2


@pytest.mark.parametrize("is_first", [True, False], ids=["first call", "later call"])
@pytest.mark.parametrize("comes_between", [True, False], ids=["and a new call", "and nothing"])
async def test_a_call_under_way_brings_nothing_back_that_was_erased(
    is_first: bool, comes_between: bool, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench()

    if not is_first:
        await bench.talk()

    veil = await bench.privacy.veil(replace(TALK, decision_id="dec_2"))
    veil.hide(ASK)
    await bench.privacy.erase("acme", "customer:4711", who="maya", why="x")

    if comes_between:
        bare = CompletionRequest(messages=(Message(role=Role.USER, content="Hello?"),))
        later = replace(TALK, decision_id="dec_3")
        await bench.privacy.keep(later, await bench.privacy.veil(later), bare, said("Hello."))

    await bench.privacy.keep(replace(TALK, decision_id="dec_2"), veil, ASK, said("Dear you!"))

    assert await bench.privacy.read("acme", "dec_2") == ()
    assert await bench.restored(TALK) == "[EMAIL_1]"
    assert len(await bench.privacy.read("acme", "dec_3")) == (2 if comes_between else 0)
    assert "content of dec_2 was not kept: it was erased meanwhile" in caplog.text


async def test_a_vault_of_a_later_key_is_no_reason_not_to_answer() -> None:
    bench = Bench()
    await bench.talk()
    digester = Digester(derived(bytes.fromhex("a1" * 32), "digest", tenant="acme"))
    names = digester.digest("conversation", "ticket:7"), digester.digest("subject", "customer:4711")
    row = await bench.store.vault("acme", *names)
    assert row is not None
    key = await bench.store.key("acme", row.subject)
    assert key is not None
    await bench.store.keep_vault(key, replace(row, sealed=b"x" * 40), before=row.sealed)

    assert await bench.restored(TALK) == "[EMAIL_1]"
    await bench.talk(replace(TALK, decision_id="dec_2"))
    assert await bench.restored(TALK) == "a@example.com"


async def test_two_calls_of_one_conversation_at_once_give_out_no_number_twice() -> None:
    bench = Bench()
    await bench.talk()
    texts = {"dec_2": "b@example.com", "dec_3": "c@example.com"}
    asked = {
        name: CompletionRequest(messages=(Message(role=Role.USER, content=text),))
        for name, text in texts.items()
    }
    talks = {name: replace(TALK, decision_id=name) for name in texts}
    veils = {name: await bench.privacy.veil(talk) for name, talk in talks.items()}

    for name, veil in veils.items():
        veil.hide(asked[name])

    async with anyio.create_task_group() as tasks:
        for name, veil in veils.items():
            tasks.start_soon(bench.privacy.keep, talks[name], veil, asked[name], said("Yes."))

    told = await bench.restored(TALK, "[EMAIL_1] [EMAIL_2] [EMAIL_3]")
    assert sorted(told.split()) == ["a@example.com", "b@example.com", "c@example.com"]


async def test_a_call_that_began_without_the_store_keeps_nothing_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    bench.store.broken = True
    veil = await bench.privacy.veil(TALK)
    bench.store.broken = False
    await bench.privacy.keep(TALK, veil, ASK, said("Yes."))

    assert await bench.privacy.read("acme", "dec_1") == ()
    assert "content of dec_1 was not kept" in caplog.text


async def test_erasing_without_the_key_is_refused_where_one_was_used() -> None:
    bench = Bench()
    await bench.privacy.begin()
    await bench.talk()

    with pytest.raises(ContentKeyMissing):
        await bench.again(PrivacySettings()).erase("acme", "customer:4711", who="m", why="x")

    assert len(await bench.privacy.read("acme", "dec_1")) == 2


@pytest.mark.parametrize("settings", [KEPT, PrivacySettings()], ids=["master key", "own key"])
async def test_digests_are_keyed_by_tenant_and_the_same_in_every_process(
    settings: PrivacySettings,
) -> None:
    bench = Bench(settings=settings)
    mine = await bench.privacy.prompt_digest(TALK, ASK)

    assert mine is not None
    assert await bench.again(settings).prompt_digest(TALK, ASK) == mine
    assert await bench.privacy.prompt_digest(replace(TALK, tenant="other"), ASK) != mine
    assert (
        await Bench(settings=replace(settings, key=OTHER_KEY)).privacy.prompt_digest(TALK, ASK)
        != mine
    )


async def test_a_store_that_is_away_keeps_no_answer_back() -> None:
    bench = Bench(settings=PrivacySettings())
    bench.store.broken = True

    assert await bench.talk() == "Dear a@example.com!"
    assert await bench.privacy.prompt_digest(TALK, ASK) is None

    bench.store.broken = False
    bench.clock.advance(5.0)
    assert await bench.privacy.prompt_digest(TALK, ASK) is not None


async def test_content_that_cannot_be_kept_keeps_no_answer_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    bench.store.broken = True

    assert await bench.talk() == "Dear a@example.com!"
    assert "content of dec_1 was not kept" in caplog.text
    assert "example.com" not in caplog.text

    with pytest.raises(StorageUnavailable):
        await bench.privacy.erase("acme", "customer:4711", who="maya", why="x")


async def test_known_fields_are_hidden() -> None:
    bench = Bench()
    veil = await bench.privacy.veil(replace(TALK, known=KnownFields(names=("Anna Li",))))

    (_, turn) = veil.hide(
        CompletionRequest(messages=(Message(role=Role.USER, content="anna  li here"),))
    ).messages
    assert turn.content == "[NAME_1] here"


async def test_a_record_keeps_no_address_that_a_host_has_used_as_a_name() -> None:
    bench = Bench()
    await bench.privacy.prompt_digest(TALK, ASK)
    account = Account(scope=BudgetScope.RUN, key="run of a@example.com")
    named: Record = replace(
        record(),
        run_id="run of a@example.com",
        ticket_id="7",
        customer_id="a@example.com",
        budgets=(Balance(account=account),),
    )
    other = replace(named, run_id="run of b@example.com")

    mine = bench.privacy.scrub(named)

    assert mine.run_id is not None
    assert mine.run_id.startswith("run of [EMAIL:")
    assert mine.ticket_id == "7"
    assert "a@example.com" not in repr(mine)
    assert bench.privacy.scrub(named) == mine
    assert bench.privacy.scrub(other) != mine
    assert bench.privacy.scrub(record()) == record()

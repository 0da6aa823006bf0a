"""The dry run: which steps a write has, in each situation, is found out and not written down."""

from benchmarks.torture.account import Account
from benchmarks.torture.host import Host
from benchmarks.torture.orders import Order
from benchmarks.torture.plan import Kind, Situation, Step, Trial
from benchmarks.torture.server import Server
from benchmarks.torture.subjects import BLIND, Subject, make_errand
from benchmarks.torture.trouble import Trouble
from benchmarks.torture.world import World

_BACKGROUND = ("renew", "expire")  # these happen whenever their time has come
_MOST_PASSAGES = 3  # what comes more often is a question that is repeated


async def rehearse(
    world: World, subjects: tuple[Subject, ...]
) -> dict[tuple[Subject, Situation], tuple[Step, ...]]:
    """Return the steps of every subject in every situation, each traced once."""
    return {
        (subject, situation): await _trace(world, subject, situation)
        for subject in subjects
        for situation in Situation
    }


async def _trace(world: World, subject: Subject, situation: Situation) -> tuple[Step, ...]:
    key = f"{world.name}-{subject.name}-{situation.name}"
    account = Account(
        trial=Trial(number=0, subject=subject, kind=Kind.CRASH, situation=situation),
        errand=make_errand(subject, key, world.desks),
    )
    world.accounts.append(account)
    host, trouble = Host(world, account), Trouble(world.desks, world.landing, account.trial)
    server = await world.replace()

    match situation:
        case Situation.ANSWER_LOST:
            trouble.lose_answer()
        case Situation.REQUEST_LOST:
            trouble.lose_request()
        case Situation.AFTER_CRASH_BEFORE:
            server = await _fall(world, host, server, "write.before")
        case Situation.AFTER_CRASH_AFTER:
            server = await _fall(world, host, server, "write.after")
        case Situation.CLEAN:
            pass

    server.order(Order(trace=True))
    word = await host.once(server)

    if subject not in BLIND:
        await host.until_decided(word)

    trouble.call_off()
    return tuple(
        Step(point=one.point, nth=one.nth)
        for one in server.passages
        if not one.point.startswith(_BACKGROUND) and one.nth <= _MOST_PASSAGES
    )


async def _fall(world: World, host: Host, server: Server, point: str) -> Server:
    server.order(Order(point=point))
    await host.once(server)
    await world.forget_the_dead()
    return await world.server()

"""Faults of the desk and of the line to it, armed for one write and called off after it."""

from collections.abc import Callable

from benchmarks.torture.desks import Desks
from benchmarks.torture.plan import Kind, Trial
from benchmarks.torture.proxy import Cut, Proxy, Way
from benchmarks.torture.subjects import CRM, write_request
from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.server import SandboxServer

_SHORTEST_S = 0.001
_LONGEST_S = 3.0
_REQUEST_BYTES = 1_300  # a handshake and an update, roughly
_ANSWER_BYTES = 4_000
_HELD_SHARE = 0.6


class Trouble:
    """What may go wrong at one write's desk."""

    def __init__(self, desks: Desks, landing: Callable[[float], None], trial: Trial) -> None:
        """Arm nothing yet; `landing` is told how much later a request may still be applied."""
        self._desks = desks
        self._landing = landing
        self._trial = trial
        self._cuts = 0

    @property
    def server(self) -> SandboxServer:
        """Return the desk that takes the write."""
        crm = self._trial.subject in CRM
        return self._desks.salesforce if crm else self._desks.zendesk

    @property
    def proxy(self) -> Proxy:
        """Return the line to it."""
        crm = self._trial.subject in CRM
        return self._desks.salesforce_proxy if crm else self._desks.zendesk_proxy

    def lose_answer(self) -> None:
        """Let the write be applied and its answer be lost."""
        self._arm(FaultKind.DROP_AFTER)

    def lose_request(self) -> None:
        """Let the write be read and dropped."""
        self._arm(FaultKind.DROP_BEFORE)

    def answer_badly(self) -> None:
        """Answer the write with an error, with nonsense, or too late; applied or not."""
        share = self._trial.amount
        applied = int(share * 1000) % 2 == 0

        if share < 0.5:
            status = (500, 502, 503, 504)[int(share * 8)]
            self._arm(FaultKind.STATUS, status=status, applied=applied)
        elif share < 0.75:
            self._arm(FaultKind.GARBLED)
        else:
            self._arm(FaultKind.SLOW, delay_s=1.2)

    def commit_late(self) -> None:
        """Drop the connection at once and apply the write later."""
        delay_s = delay(self._trial.amount)
        self._landing(delay_s)
        self._arm(FaultKind.LATE, delay_s=delay_s)

    def deliver_twice(self) -> None:
        """Deliver the write a second time, a little later."""
        delay_s = delay(self._trial.amount / 2)
        self._landing(delay_s)
        self._arm(FaultKind.TWICE, delay_s=delay_s)

    def cut(self) -> None:
        """Cut or hold the line somewhere in what follows."""
        share = self._trial.amount
        self._cuts = self.proxy.cuts

        if self._trial.kind is Kind.CUT_ANSWER:
            self.proxy.arm(Cut(way=Way.ANSWER, after_bytes=int(share * _ANSWER_BYTES)))
        elif self._trial.kind is Kind.CUT_REQUEST:
            self.proxy.arm(Cut(way=Way.REQUEST, after_bytes=int(share * _REQUEST_BYTES)))
        else:
            # Mostly nothing of the next request gets through now, all of it later.
            whole = share < _HELD_SHARE
            after_bytes = 0 if whole else int((share - _HELD_SHARE) * 2 * _REQUEST_BYTES)
            hold_s = delay((share * 7) % 1)
            self._landing(hold_s)
            self.proxy.arm(Cut(way=Way.REQUEST, after_bytes=after_bytes, hold_s=hold_s))

    def happened(self) -> bool:
        """Return whether what was armed has happened."""
        if self._trial.kind in (Kind.CUT_REQUEST, Kind.CUT_ANSWER, Kind.HELD):
            return self.proxy.cuts > self._cuts

        return self.server.faults.pending() == 0

    def call_off(self) -> None:
        """Let nothing that has not happened yet happen to the next write."""
        self.server.faults.clear()
        self.proxy.arm(None)

    def _arm(
        self,
        kind: FaultKind,
        *,
        delay_s: float = 0.0,
        status: int = 500,
        applied: bool = False,
    ) -> None:
        request = write_request(self._trial.subject)
        self.server.faults.add(
            Fault(
                kind=kind,
                method=request.method,
                path=request.path,
                delay_s=delay_s,
                status=status,
                applied=applied,
            )
        )


def delay(share: float) -> float:
    """Return a delay from one millisecond to three seconds, each size as likely as the next.

    >>> delay(0.0), round(delay(1.0), 3)
    (0.001, 3.0)
    """
    return float(_SHORTEST_S * (_LONGEST_S / _SHORTEST_S) ** share)

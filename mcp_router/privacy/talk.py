"""Whose conversation a call belongs to."""

from dataclasses import dataclass

from mcp_router.domain.privacy import NOTHING_KNOWN, KnownFields


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A call within its conversation; None where the host tells no ticket, run or customer.

    Placeholders are remembered from call to call only for a conversation with a customer who is
    named: nobody else may get their values back.
    """

    tenant: str
    decision_id: str
    ticket_id: str | None = None
    run_id: str | None = None
    customer_id: str | None = None
    known: KnownFields = NOTHING_KNOWN

    @property
    def conversation(self) -> str | None:
        """Return the name of the conversation."""
        if self.ticket_id is not None:
            return f"ticket:{self.ticket_id}"

        return None if self.run_id is None else f"run:{self.run_id}"

    @property
    def subject(self) -> str:
        """Return whose content it is, as `erase` takes it: the customer's, if one is named."""
        if self.customer_id is not None:
            return f"{_CUSTOMER}{self.customer_id}"

        return self.conversation or f"decision:{self.decision_id}"


_CUSTOMER = "customer:"
_OTHERS = ("ticket:", "run:", "decision:")


def subjects_of(name: str) -> tuple[str, ...]:
    """Return whom somebody may mean by a name: a customer, or what the name itself says first.

    A host's customers may be called anything, `ticket:77` too: then it is both.

    >>> subjects_of("4711")
    ('customer:4711',)
    >>> subjects_of("ticket:77")
    ('ticket:77', 'customer:ticket:77')
    """
    customer = f"{_CUSTOMER}{name}"
    return (name, customer) if name.startswith((_CUSTOMER, *_OTHERS)) else (customer,)

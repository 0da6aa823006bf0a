"""Which records of the decision log somebody wants to see."""

from dataclasses import dataclass

from mcp_router.domain.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Records that meet every condition that is not None.

    `since_ms` is the first moment that counts and `until_ms` the first that does not any more.
    `policy` is a name, for all its versions, or name@version.
    """

    tenant: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    policy: str | None = None
    intent: str | None = None

    def holds(self, record: Record) -> bool:
        """Return whether the record is selected, as a database says it too."""
        decision = record.decision
        policy = decision.policy if decision else None
        intent = decision.signals.intent.name if decision else None
        return (
            self.tenant in (None, record.tenant)
            and (self.since_ms is None or record.at_ms >= self.since_ms)
            and (self.until_ms is None or record.at_ms < self.until_ms)
            and (self.policy is None or _is_of(policy, self.policy))
            and self.intent in (None, intent)
        )


EVERYTHING = Selection()


def _is_of(policy: str | None, wanted: str) -> bool:
    """Return whether a version is the wanted one, or one of the wanted policy.

    >>> _is_of("support@2", "support"), _is_of("support@2", "support@2"), _is_of("b@1", "support")
    (True, True, False)
    """
    return policy is not None and (policy == wanted or policy.startswith(f"{wanted}@"))

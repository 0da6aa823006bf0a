"""An answer of Zendesk, read member by member: what is not as promised makes it garbled."""

from collections.abc import Mapping
from dataclasses import dataclass

from mcp_router.desks.failures import garbled


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One JSON object of an answer.

    Every reader raises SendFailed (unknown, garbled) where the member is missing or of another
    type; a `maybe_` reader answers None where it is missing or null.
    """

    members: Mapping[str, object]

    def text(self, name: str) -> str:
        """Return a string."""
        value = self.members.get(name)

        if not isinstance(value, str):
            raise garbled()

        return value

    def maybe_text(self, name: str) -> str | None:
        """Return a string or None."""
        return None if self.members.get(name) is None else self.text(name)

    def number(self, name: str) -> int:
        """Return an integer."""
        value = self.members.get(name)

        if not isinstance(value, int) or isinstance(value, bool):
            raise garbled()

        return value

    def identity(self, name: str) -> str:
        """Return an id, which Zendesk writes as an integer, as text."""
        return str(self.number(name))

    def maybe_identity(self, name: str) -> str | None:
        """Return an id as text, or None."""
        return None if self.members.get(name) is None else self.identity(name)

    def flag(self, name: str) -> bool:
        """Return a boolean."""
        value = self.members.get(name)

        if not isinstance(value, bool):
            raise garbled()

        return value

    def part(self, name: str) -> "Part":
        """Return an object."""
        return as_part(self.members.get(name))

    def parts(self, name: str) -> "tuple[Part, ...]":
        """Return the objects of a list."""
        return tuple(as_part(item) for item in self._list(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the strings of a list."""
        items = self._list(name)

        if not all(isinstance(item, str) for item in items):
            raise garbled()

        return tuple(str(item) for item in items)

    def has(self, name: str) -> bool:
        """Say whether the member is there and not null."""
        return self.members.get(name) is not None

    def _list(self, name: str) -> list[object]:
        value = self.members.get(name)

        if not isinstance(value, list):
            raise garbled()

        return value


def as_part(value: object) -> Part:
    """Return a JSON value as an object; raises SendFailed (unknown, garbled) if it is none."""
    if not isinstance(value, dict):
        raise garbled()

    return Part(members=value)

"""The people around the tickets: users, the organisations they belong to, groups of agents."""

from collections.abc import Iterable

from mcp_router.sandbox.zendesk.records import Group, Organization, User


class People:
    """Tables by id; `agents` can be assigned tickets and do not change.

    Not safe between threads: the state that holds them is.
    """

    def __init__(
        self,
        users: Iterable[User],
        organizations: Iterable[Organization],
        groups: Iterable[Group],
    ) -> None:
        """Start with these rows."""
        self.users = {one.id: one for one in users}
        self.organizations = {one.id: one for one in organizations}
        self.groups = {one.id: one for one in groups}
        self.agents = frozenset(one.id for one in self.users.values() if one.works_here)
        self._addresses = {one.email: one.id for one in self.users.values()}

    def with_email(self, email: str) -> User | None:
        """Return the user with that address, upper and lower case being the same."""
        user_id = self._addresses.get(email.strip().lower())
        return None if user_id is None else self.users[user_id]

    def add_customer(self, *, name: str, email: str, now_s: int) -> User:
        """Return a new end user, in the organisation that owns the address's domain."""
        email = email.strip().lower()
        domain = email.rpartition("@")[2]
        owners = (one.id for one in self.organizations.values() if domain in one.domain_names)
        user = User(
            id=next(reversed(self.users)) + 1,
            name=name,
            email=email,
            role="end-user",
            created_s=now_s,
            organization_id=next(owners, None),
        )
        self.users[user.id] = user
        self._addresses[email] = user.id
        return user

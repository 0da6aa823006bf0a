"""A value that must not reach a log, a traceback or a record."""


class Secret:
    """Hold a credential; only `reveal` shows it.

    >>> Secret("hunter2")
    Secret('***')
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Keep `value` out of every representation of this object."""
        self._value = value

    def reveal(self) -> str:
        """Return the credential itself, at the moment it goes into a request."""
        return self._value

    def __repr__(self) -> str:
        """Return stars."""
        return "Secret('***')"

    def __eq__(self, other: object) -> bool:
        """Compare the hidden values, so that settings compare as wholes."""
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        """Hash the hidden value."""
        return hash(self._value)

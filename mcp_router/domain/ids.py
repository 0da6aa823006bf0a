"""Identifiers that sort by time and say what they name."""

from collections.abc import Callable

Entropy = Callable[[int], bytes]
"""Return that many random bytes; `os.urandom` in production, a counter in tests."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u


def make_id(prefix: str, at_ms: int, entropy: Entropy) -> str:
    """Return `prefix_` + 10 time characters + 16 random ones (the ULID layout).

    >>> make_id("act", 0, bytes)
    'act_00000000000000000000000000'
    """
    number = (at_ms << 80) | int.from_bytes(entropy(10), "big")
    text = "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))
    return f"{prefix}_{text}"

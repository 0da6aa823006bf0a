"""The ground truth of an embedded server: what it was asked, and what it applied."""

import re
import threading
from collections import Counter


class Effects:
    """What an app applied, by kind of effect and the thing it touched; safe between threads."""

    def __init__(self) -> None:
        """Start with nothing applied."""
        self._lock = threading.Lock()
        self._applied: Counter[tuple[str, str]] = Counter()

    def applied(self, kind: str, ref: str) -> None:
        """Note one effect of `kind` on `ref`; an app calls this as it changes its state."""
        with self._lock:
            self._applied[kind, ref] += 1

    def count(self, kind: str | None = None, ref: str | None = None) -> int:
        """Return how many effects were applied: all, or those of a kind, or on one thing."""
        with self._lock:
            return sum(
                times
                for (a_kind, a_ref), times in self._applied.items()
                if kind in (None, a_kind) and ref in (None, a_ref)
            )

    def kinds(self) -> dict[str, int]:
        """Return the number of effects of each kind, by name of the kind."""
        with self._lock:
            kinds: Counter[str] = Counter()

            for (kind, _), times in self._applied.items():
                kinds[kind] += times

            return dict(sorted(kinds.items()))

    def refs(self, kind: str) -> tuple[str, ...]:
        """Return the things that effects of `kind` touched, each once, in order of first touch."""
        with self._lock:
            return tuple(ref for a_kind, ref in self._applied if a_kind == kind)


class Received:
    """The requests that reached a server, before any fault acted; safe between threads."""

    def __init__(self) -> None:
        """Start with nothing received."""
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str]] = Counter()

    def add(self, method: str, path: str) -> None:
        """Note one whole request; the server calls this."""
        with self._lock:
            self._requests[method.upper(), path] += 1

    def count(self, method: str | None = None, path: str | None = None) -> int:
        """Return how many requests came: all, or those of a method, or those whose path matches.

        `path` is a regular expression that is searched in the path, as in a fault.
        """
        with self._lock:
            return sum(
                times
                for (a_method, a_path), times in self._requests.items()
                if (method is None or method.upper() == a_method)
                and (path is None or re.search(path, a_path))
            )

    def requests(self) -> dict[str, int]:
        """Return the number of requests of each `METHOD path`."""
        with self._lock:
            return {f"{method} {path}": n for (method, path), n in sorted(self._requests.items())}

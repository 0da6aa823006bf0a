import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mcp_router.telemetry.logs import log_to_stderr, without_words


@contextmanager
def bare_root() -> Iterator[None]:
    """Logging as it is before anybody, pytest included, has set it up."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []

    try:
        yield
    finally:
        root.handlers, root.level = handlers, level


def test_logs_go_to_standard_error_and_urls_into_none() -> None:
    with bare_root():
        log_to_stderr(logging.INFO)
        log_to_stderr(logging.INFO)

        (handler,) = logging.getLogger().handlers
        assert isinstance(handler, logging.StreamHandler)
        assert handler.stream is sys.stderr
        assert logging.getLogger("mcp_router").isEnabledFor(logging.INFO)
        assert not logging.getLogger("httpx2").isEnabledFor(logging.INFO)  # it logs each URL
        assert not logging.getLogger("urllib3.connectionpool").isEnabledFor(logging.DEBUG)


def fail(words: str) -> None:
    raise ValueError(words)


def test_a_fault_is_told_by_its_kind_and_frames_and_never_by_its_words() -> None:
    with pytest.raises(ValueError, match="canary 4929") as raised:
        fail("canary 4929")

    told = without_words(raised.value)
    assert told.startswith("ValueError at ")
    assert told.endswith(" in fail")
    assert f"{__file__}:" in told
    assert "canary" not in told

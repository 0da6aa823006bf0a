"""Logs: to standard error only, since standard output carries the protocol."""

import logging
import sys
from traceback import extract_tb

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_to_stderr(level: int) -> None:
    """Send every log of the process to standard error, once.

    The libraries below us log requests with their URLs at INFO; those stay quiet, because a URL
    can carry an id or an address.
    """
    logging.basicConfig(stream=sys.stderr, level=level, format=FORMAT)

    for handler in logging.getLogger().handlers:
        handler.addFilter(_seal)

    for chatty in ("httpx2", "httpcore2", "mcp", "urllib3", "uvicorn.access", "zenpy"):
        logging.getLogger(chatty).setLevel(logging.WARNING)

    # It says every lost batch several times; what matters of that is said once by ourselves.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


def _seal(record: logging.LogRecord) -> bool:
    """Take the traceback off what the SDK reports: it quotes the message that was malformed."""
    if record.name.partition(".")[0] == "mcp":
        record.exc_info = None

    return True


def without_words(error: BaseException) -> str:
    """Return what an error is and the frames that it came through, for the log of the process.

    Its message stays out of it, and so do the lines of the source and the errors before it: they
    may quote what a customer wrote.

    >>> without_words(ValueError("anna@example.com"))
    'ValueError'
    """
    frames = (
        f" at {frame.filename}:{frame.lineno} in {frame.name}"
        for frame in extract_tb(error.__traceback__)
    )
    return "".join([type(error).__qualname__, *frames])

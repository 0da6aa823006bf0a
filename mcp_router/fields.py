"""The kinds of text that a document may hold, each with the words for what was expected."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from mcp_router.marked_yaml import YamlPath
from mcp_router.review import Review, expect

POLICY_REFERENCE = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]{0,63})(@(?P<version>[1-9][0-9]{0,8}))?")
"""How a call and `policy:` name a policy: `support`, or `support@3` for one version."""

TARGET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""How providers, models and desks are named, here and in policies."""

A_NAME = "a name of letters, digits, dots, dashes and underscores"


def matching(pattern: str, expected: str) -> AfterValidator:
    """Return a validator that lets only whole matches of `pattern` through."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise expect(expected)

        return value

    return AfterValidator(check)


_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def _url(value: str) -> str:
    """Return the URL without a slash at its end, or say which URLs may carry a credential."""
    try:
        parts = urlsplit(value)
        port_is_sane = parts.port is None or parts.port > 0
    except ValueError:
        raise expect("an https:// URL") from None

    local = parts.hostname in _LOCAL_HOSTS
    plain = not (parts.username or parts.password or parts.query or parts.fragment)

    if not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise expect("an https:// URL (http:// only for this machine)")

    if not (parts.hostname and plain and port_is_sane and _VISIBLE.fullmatch(value)):
        raise expect("an https:// URL of a host and a path, nothing more")

    return value.rstrip("/")


_VISIBLE = re.compile("[!-~]+")
Url = Annotated[str, AfterValidator(_url)]
Key = Annotated[str, matching("[!-~]+", "a credential without spaces and line breaks")]
Name = Annotated[str, matching(TARGET_NAME.pattern, A_NAME)]
Text = Annotated[str, matching(r"[^\x00-\x1f\x7f]{1,128}", "one line of at most 128 characters")]
Email = Annotated[
    str, matching(r"[!-.0-9;-?A-~]+@[!-.0-9;-?A-~]+", "an e-mail address, without `/token`")
]
Subdomain = Annotated[
    str, matching("[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", "the acme of acme.zendesk.com")
]
Sha256 = Annotated[str, matching("[0-9A-Fa-f]{64}", "the 64 hexadecimal digits of a SHA-256")]
PolicyReference = Annotated[
    str, matching(POLICY_REFERENCE.pattern, "a policy as `name` or `name@version`")
]
Storage = Annotated[
    str,
    matching(
        r"sqlite:///(?!:memory:)[^?#\x00-\x1f]+"
        # One `@`, and no slash before it: else a piece of a password would pass for a host.
        r"|postgres(ql)?://([^\s@/?#]+@)?[^\s@/?#]*(/[^\s@/?#]*)?(\?[^\s@#]*)?",
        "sqlite:/// and the path of a file, or postgresql://user:password@host/database with "
        "%-codes for the special characters of a password",
    ),
]


def named(review: Review, section: str) -> Iterator[tuple[str, YamlPath]]:
    """Yield the name and the place of each part of a section, after checking the name."""
    for name in review.names((section,)):
        if not TARGET_NAME.fullmatch(name):
            review.add((section, name), A_NAME, at_key=True)

        yield name, (section, name)


def rooted(storage: str, folder: Path) -> str:
    """Return a storage URL whose path, if it is one of a file, starts at `folder`."""
    scheme = "sqlite:///"
    path = storage.removeprefix(scheme)
    return storage if path == storage else f"{scheme}{folder.absolute() / path}"

import dataclasses

import pytest

from mcp_router.canonical import plain
from mcp_router.domain.secret import Secret


@dataclasses.dataclass(frozen=True)
class Holder:
    key: Secret


def test_a_secret_is_shown_by_reveal_alone() -> None:
    secret = Secret("hunter2")

    shown = [str(secret), repr(secret), f"{secret}", f"{secret!r:>20}", repr(Holder(key=secret))]

    assert all("hunter2" not in text for text in shown)
    assert secret.reveal() == "hunter2"


def test_a_secret_does_not_become_json() -> None:
    with pytest.raises(TypeError, match=r"^Secret has no JSON form$"):
        plain(Holder(key=Secret("hunter2")))


def test_secrets_compare_by_what_they_hide() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2

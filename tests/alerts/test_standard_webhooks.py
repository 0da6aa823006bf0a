"""Our signatures are those of the standard's own library."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from mcp_router.alerts.standard_webhooks import key_of, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"another secret of 32 bytes here!").decode()
KEY, OTHER_KEY = key_of(SECRET), key_of(OTHER)
AT_S = 1_614_265_330
BODY = b'{"test": 2432232314}'
SIGNED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_the_standards_own_example_is_signed_alike() -> None:
    assert sign([KEY], message_id=ID, timestamp_s=AT_S, body=BODY) == SIGNED


@given(
    secret=st.binary(min_size=24, max_size=64),
    name=st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1),
    at_s=st.integers(min_value=0, max_value=2**33),
    body=st.text(max_size=200),
)
def test_every_signature_is_the_librarys(secret: bytes, name: str, at_s: int, body: str) -> None:
    written = "whsec_" + base64.b64encode(secret).decode()
    theirs = Webhook(written).sign(name, datetime.fromtimestamp(at_s, tz=UTC), body)

    ours = sign([key_of(written)], message_id=name, timestamp_s=at_s, body=body.encode("utf-8"))

    assert ours == theirs


def test_each_secret_signs_so_that_either_side_may_change_first() -> None:
    both = sign([OTHER_KEY, KEY], message_id=ID, timestamp_s=AT_S, body=BODY)

    other = sign([OTHER_KEY], message_id=ID, timestamp_s=AT_S, body=BODY)
    assert both == f"{other} {SIGNED}"


@pytest.mark.parametrize("text", ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_?!"])
def test_what_is_no_secret_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a whsec_ secret$"):
        key_of(text)


def test_a_secret_may_lack_its_padding() -> None:
    assert key_of("whsec_YWI") == key_of("whsec_YWI=") == b"ab"

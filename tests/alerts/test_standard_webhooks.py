"""Our signatures are those of the standard's own library, and are checked as it says."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from mcp_router.alerts.standard_webhooks import TOLERANCE_S, key_of, sign, verify

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


def verified(
    *,
    keys: tuple[bytes, ...] = (KEY,),
    name: str = ID,
    at: str = str(AT_S),
    signatures: str = SIGNED,
    body: bytes = BODY,
    now_s: int = AT_S,
) -> bool:
    return verify(
        keys, message_id=name, timestamp=at, signatures=signatures, body=body, now_s=now_s
    )


def test_a_signature_is_good_for_five_minutes_either_way() -> None:
    assert verified()
    assert verified(now_s=AT_S + TOLERANCE_S)
    assert verified(now_s=AT_S - TOLERANCE_S)
    assert not verified(now_s=AT_S + TOLERANCE_S + 1)
    assert not verified(now_s=AT_S - TOLERANCE_S - 1)


def test_each_secret_signs_so_that_either_side_may_change_first() -> None:
    both = sign([OTHER_KEY, KEY], message_id=ID, timestamp_s=AT_S, body=BODY)

    assert both.split(" ")[1] == SIGNED
    assert verified(signatures=both)
    assert verified(signatures=both, keys=(OTHER_KEY,))
    assert verified(keys=(OTHER_KEY, KEY))
    assert not verified(keys=(OTHER_KEY,))


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "msg_x"},
        {"at": str(AT_S + 1)},
        {"at": "soon"},
        {"at": ""},
        {"at": "-1"},
        {"body": BODY + b" "},
        {"signatures": ""},
        {"signatures": SIGNED.replace("v1,", "v1a,")},
        {"signatures": SIGNED.removeprefix("v1,")},
        {"signatures": SIGNED[:-2]},
        {"signatures": "v1,é"},
        {"keys": ()},
    ],
)
def test_whatever_is_changed_is_seen(changed: dict[str, str]) -> None:
    assert not verified(**changed)  # type: ignore[arg-type]  # each row names its own arguments


@pytest.mark.parametrize("text", ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_?!"])
def test_what_is_no_secret_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a whsec_ secret$"):
        key_of(text)


def test_a_secret_may_lack_its_padding() -> None:
    assert key_of("whsec_YWI") == key_of("whsec_YWI=") == b"ab"

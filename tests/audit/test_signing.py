"""The key of the log's heads: whose it is, where it lies, and what it vouches for."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from mcp_router.audit.signing import (
    fresh,
    is_signed,
    key_id,
    open_key,
    read_public,
    replace_key,
    seeded,
)
from mcp_router.errors import FileUnusable, SigningKeyUnusable

# RFC 8032, 7.1, test 2.
SEED = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
PUBLIC = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
SIGNATURE = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_a_signature_is_the_one_of_the_standard() -> None:
    signer = seeded(SEED)

    assert (signer.public_key, signer.sign(b"\x72")) == (PUBLIC, SIGNATURE)
    assert is_signed(PUBLIC, b"\x72", SIGNATURE)
    assert not is_signed(PUBLIC, b"\x73", SIGNATURE)
    assert not is_signed(fresh().public_key, b"\x72", SIGNATURE)
    assert [is_signed("zz", b"", ""), is_signed(PUBLIC, b"", None)] == [False, False]


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "audit-key.pem"

    first, again = open_key(path), open_key(path)

    assert first.public_key == again.public_key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert first.key_id == key_id(first.public_key)


def test_a_key_that_is_replaced_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "audit-key.pem"
    old, new = open_key(path), fresh()

    former = replace_key(path, new)

    assert open_key(path).public_key == new.public_key
    assert open_key(former).public_key == old.public_key
    assert {stat.S_IMODE(one.stat().st_mode) for one in (path, former)} == {0o600}
    assert sorted(tmp_path.iterdir()) == sorted([path, former])


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nx"])
def test_what_is_no_key_is_told_without_its_text(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "audit-key.pem"
    path.write_bytes(content)

    with pytest.raises(SigningKeyUnusable) as caught:
        open_key(path)

    assert caught.value.message == f"{path} cannot be used (ValueError)."


def test_a_key_of_another_kind_is_told(tmp_path: Path) -> None:
    path = tmp_path / "audit-key.pem"
    key = generate_private_key(SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    with pytest.raises(SigningKeyUnusable):
        open_key(path)


def test_a_public_key_is_read_as_digits_or_as_pem(tmp_path: Path) -> None:
    signer = seeded(SEED)
    private = load_pem_private_key(signer.pem(), password=None)
    forms = {
        "digits": f"{PUBLIC}\n".encode(),
        "pem": private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    }

    for name, content in forms.items():
        (tmp_path / name).write_bytes(content)

    assert [read_public(tmp_path / name) for name in forms] == [PUBLIC, PUBLIC]


@pytest.mark.parametrize("content", [b"", b"abc", b"ab" * 31, b"-----BEGIN PUBLIC KEY-----"])
def test_what_is_no_public_key_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)

    with pytest.raises(FileUnusable):
        read_public(tmp_path / "key")

    with pytest.raises(FileUnusable):
        read_public(tmp_path / "no")

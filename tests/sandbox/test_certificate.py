import ssl
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from mcp_router.sandbox.certificate import Certificate, make_certificate


class MorningOf2026:
    """A clock that stands still."""

    def now_ms(self) -> int:
        return 1_767_225_600_000  # 2026-01-01T00:00:00Z

    def monotonic_s(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("a certificate does not wait")


def test_certificate_is_three_files_of_which_only_the_key_is_private(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)

    assert certificate == Certificate(
        ca_file=tmp_path / "ca.pem", cert_file=tmp_path / "cert.pem", key_file=tmp_path / "key.pem"
    )
    assert stat.S_IMODE(certificate.key_file.stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"ca.pem", "cert.pem", "key.pem"}


def test_certificate_holds_from_the_day_before_for_thirty_days(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, MorningOf2026())
    leaf = x509.load_pem_x509_certificate(certificate.cert_file.read_bytes())

    assert leaf.not_valid_before_utc == datetime(2025, 12, 31, tzinfo=UTC)
    assert leaf.not_valid_after_utc == datetime(2026, 1, 31, tzinfo=UTC)


def test_strict_client_that_trusts_the_ca_accepts_address_and_name(
    certificate: Certificate,
) -> None:
    trust = ssl.create_default_context(cafile=str(certificate.ca_file))
    trust.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    show = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    show.load_cert_chain(certificate.cert_file, certificate.key_file)

    assert shake_hands(trust, show, "127.0.0.1") == "TLSv1.3"
    assert shake_hands(trust, show, "localhost") == "TLSv1.3"


def test_client_with_another_ca_refuses(certificate: Certificate, tmp_path: Path) -> None:
    other = make_certificate(tmp_path)
    trust = ssl.create_default_context(cafile=str(other.ca_file))
    show = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    show.load_cert_chain(certificate.cert_file, certificate.key_file)

    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        shake_hands(trust, show, "127.0.0.1")


def shake_hands(trust: ssl.SSLContext, show: ssl.SSLContext, name: str) -> str | None:
    """Run a TLS handshake in memory and return the version that both agreed on."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trust.wrap_bio(to_client, to_server, server_hostname=name)
    server = show.wrap_bio(to_server, to_client, server_side=True)

    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue

    return client.version()

"""A certificate authority of one's own and a certificate for the loopback address."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mcp_router.clock import Clock, SystemClock

_LIFETIME = timedelta(days=30)
_SLACK = timedelta(days=1)  # a client whose clock is a little behind still accepts it


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Three PEM files: clients trust `ca_file`, servers show `cert_file` with `key_file`."""

    ca_file: Path
    cert_file: Path
    key_file: Path


def make_certificate(folder: Path, clock: Clock | None = None) -> Certificate:
    """Return a fresh certificate for 127.0.0.1 and localhost, signed by a fresh private CA.

    It holds from the day before `clock`'s now (this machine's by default) for 30 days. The key
    of the CA is not kept. `folder` must exist; the key file is readable by its owner only.
    """
    now = datetime.fromtimestamp((clock or SystemClock()).now_ms() / 1000, tz=UTC)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("mcp-router sandbox CA")
    ca = _ca(ca_name, ca_key, now)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _leaf(ca_name, ca_key, key.public_key(), now)
    certificate = Certificate(
        ca_file=folder / "ca.pem", cert_file=folder / "cert.pem", key_file=folder / "key.pem"
    )
    certificate.ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    certificate.cert_file.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    certificate.key_file.touch(mode=0o600)
    certificate.key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _ca(name: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    # Key usage and key identifiers are not decoration: Python 3.13 verifies with
    # VERIFY_X509_STRICT by default and rejects a chain without them.
    builder = _builder(name, name, key.public_key(), now)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(authority=True), critical=True)
    return builder.sign(key, hashes.SHA256())


def _leaf(
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
) -> x509.Certificate:
    names = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")), x509.DNSName("localhost")]
    )
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    builder = _builder(_name("127.0.0.1"), issuer, key, now)
    builder = builder.add_extension(names, critical=False)
    builder = builder.add_extension(authority, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
    builder = builder.add_extension(_key_usage(authority=False), critical=True)
    builder = builder.add_extension(usage, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())

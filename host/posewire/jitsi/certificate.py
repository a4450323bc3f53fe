"""The certificate of a host in a conference: its own, known by its fingerprint, for TLS from end to end.

Neither the conference's servers nor its other members read along, or can pass for the host: a program has the
fingerprint in the host's address.
"""

import base64
import binascii
import datetime
import hashlib
import os
import ssl
import tempfile
from pathlib import Path

from posewire.errors import ConfigError, HostUnreachableError

NAME = "posewire.host"
"""The name in the certificate."""

_MAX_CERTIFICATE = 4096


def require_jitsi() -> None:
    """Look for what conferences need.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import aioice
        import cryptography  # noqa: F401
    except ImportError:
        raise ConfigError("a conference needs aioice and cryptography: pip install 'posewire[jitsi]'") from None
    del aioice


def fingerprint(der: bytes) -> str:
    """Return the fingerprint of a certificate: SHA-256, in 43 characters."""
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")


def host_context(file: Path | None) -> tuple[ssl.SSLContext, bytes]:
    """Return the host's side of TLS and its certificate (DER); ``file`` keeps it, and is made where it is missing.

    None: it is made anew, and forgotten: so its fingerprint is another after each start.

    Raises:
        ConfigError: the file cannot be read or made.
    """
    if file is None:
        with tempfile.TemporaryDirectory() as folder:
            return host_context(Path(folder) / "conference.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    try:
        if not file.exists():
            _make(file)
        context.load_cert_chain(file)
        text = file.read_text()
        return context, ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE") :])
    except (OSError, ValueError) as error:
        raise ConfigError(f"the certificate for conferences, {file}, cannot be used: {error}") from None


def program_context(encoded: object, expected: str) -> ssl.SSLContext:
    """Return a program's side of TLS, which trusts this certificate and no other. ``expected``: its fingerprint.

    Raises:
        HostUnreachableError: it is another host's, or somebody has put himself in between.
    """
    try:
        der = base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else b""
    except (binascii.Error, ValueError):
        der = b""
    if not der or len(der) > _MAX_CERTIFICATE or fingerprint(der) != expected:
        raise HostUnreachableError(
            "who answers in the conference has not the host's certificate: compare the address with what the host shows"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=der)
    return context


def _make(file: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Known by its fingerprint, it does not expire; and a machine's clock may stand at 1970 before it is set.
        .not_valid_before(datetime.datetime(1970, 1, 2, tzinfo=datetime.UTC))
        .not_valid_after(now + datetime.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as made_file:
        made_file.write(private + made.public_bytes(serialization.Encoding.PEM))

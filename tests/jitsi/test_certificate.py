"""The certificate of a host in a conference."""

import base64
import ssl
import stat
from pathlib import Path

import pytest

from posewire.errors import ConfigError, HostUnreachableError
from posewire.jitsi.certificate import NAME, fingerprint, host_context, program_context


def shake_hands(program: ssl.SSLContext, host: ssl.SSLContext) -> None:
    """Let both sides of TLS talk in memory until they have agreed."""
    ways = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = program.wrap_bio(ways[0], ways[1], server_hostname=NAME), host.wrap_bio(ways[1], ways[0], server_side=True)
    for _ in range(4):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


def test_the_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "new" / "conference.pem"
    _, first = host_context(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert host_context(file)[1] == first
    assert host_context(None)[1] != host_context(None)[1]


def test_a_program_trusts_the_certificate_with_the_fingerprint_and_no_other(tmp_path: Path) -> None:
    host, der = host_context(tmp_path / "a.pem")
    other, other_der = host_context(tmp_path / "b.pem")
    program = program_context(base64.b64encode(der).decode(), fingerprint(der))
    shake_hands(program, host)
    # Who shows the host's certificate without having its key gets no further.
    with pytest.raises(ssl.SSLError):
        shake_hands(program, other)
    for shown in (base64.b64encode(other_der).decode(), "?", None, 7, "A" * 10000):
        with pytest.raises(HostUnreachableError, match="has not the host's certificate"):
            program_context(shown, fingerprint(der))


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nothing")
    with pytest.raises(ConfigError, match=r"bad\.pem"):
        host_context(tmp_path / "bad.pem")

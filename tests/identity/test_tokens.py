"""Tokens of every kind, without a host around them."""

import asyncio
import base64
import hashlib
import hmac
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import example, given
from hypothesis import strategies as st

from posewire.cli import main
from posewire.errors import ConfigError, PairingPendingError, StoreError, WireError
from posewire.identity.audit import read_entries, write_entry
from posewire.identity.identities import Identities
from posewire.identity.jwt_tokens import JwtVerifier
from posewire.identity.principal import Principal, covers, grants
from posewire.identity.settings import read_auth
from posewire.identity.stock_token import VALID_FOR, make_stock_token, verify_stock_token
from posewire.identity.stored import issue_token, pair, revoke_device, revoke_token
from posewire.identity.tables import AUDIT, IDENTITY
from posewire.server.rate_limit import FailureLimit
from posewire.store import MEMORY, Store

KEY = b"k" * 32
MAC, CLIENT = "aa:bb:cc:00:00:01", "0b2f8d5e-client"


@pytest.mark.parametrize(
    ("scope", "need", "granted"),
    [
        ("*", "server.restart", True),
        ("*", "room.join:studio", True),
        ("room.join", "room.join:studio", True),
        ("room.join:studio", "room.join:studio", True),
        ("room.join:studio", "room.join:hall", False),
        ("room.join:studio", "room.publish:studio", False),
        ("room.*:class-*", "room.publish:class-7", True),
        ("room.*:class-*", "room.publish:hall", False),
        ("*:studio", "server.restart", False),
        ("room.*:studio", "room.join:x:studio", False),
        ("voice", "voice", True),
        ("voice", "voices", False),
        ("", "voice", False),
    ],
)
def test_scopes(scope: str, need: str, granted: bool) -> None:
    assert grants(scope, need) is granted
    assert Principal("person", "x", frozenset({scope})).allows(need) is granted


SCOPES = st.text(alphabet="ab:.*?[]!", min_size=1, max_size=6)


@given(SCOPES, SCOPES, SCOPES)
@example("room.join:class-?", "room.join:class-*", "room.join:class-12")
@example("room.join:*", "room.join", "room.join:x")
@example("room.join:?", "room.join", "room.join")
def test_what_may_be_given_away_holds_no_more_than_one_has(scope: str, wish: str, need: str) -> None:
    if covers(scope, wish) and grants(wish, need):
        assert grants(scope, need)


@pytest.mark.parametrize(
    ("scope", "wish", "covered"),
    [
        ("*", "room.*:class-*", True),
        ("room.join:class-*", "room.join:class-*", True),
        ("room.join:class-*", "room.join:class-3", True),
        ("room.join", "room.join:class-*", True),
        ("room.*", "room.join", True),
        ("room.join:class-?", "room.join:class-*", False),
        ("room.join:class-*", "room.join", False),
        ("room.join", "room.*", False),
    ],
)
def test_a_scope_covers_another(scope: str, wish: str, covered: bool) -> None:
    assert covers(scope, wish) is covered


def test_a_stock_token_is_what_stock_servers_make() -> None:
    # Computed here as the field does it, independently of our code.
    signature = base64.urlsafe_b64encode(hmac.new(KEY, f"{CLIENT}|{MAC}|1795200000".encode(), hashlib.sha256).digest())
    token = signature.decode().rstrip("=") + ".1795200000"
    assert make_stock_token(KEY, MAC, CLIENT, now=1795200000.9) == token
    assert verify_stock_token(KEY, token, MAC, CLIENT, now=1795200000 + VALID_FOR) == 1795200000


def test_a_stock_token_is_good_for_one_device_and_for_thirty_days() -> None:
    now = 1_795_200_000.0
    token = make_stock_token(KEY, MAC, CLIENT, now)
    assert verify_stock_token(KEY, token, MAC, CLIENT, now) is not None
    assert verify_stock_token(KEY, token, "aa:bb:cc:00:00:02", CLIENT, now) is None
    assert verify_stock_token(KEY, token, MAC, "other", now) is None
    assert verify_stock_token(b"x" * 32, token, MAC, CLIENT, now) is None
    assert verify_stock_token(KEY, token, MAC, CLIENT, now + VALID_FOR + 1) is None
    assert verify_stock_token(KEY, token, MAC, CLIENT, now - 3600) is None
    assert verify_stock_token(KEY, token, MAC.upper(), CLIENT, now) is not None


@given(st.text(max_size=80))
def test_no_text_is_a_stock_token(token: str) -> None:
    assert verify_stock_token(KEY, token, MAC, CLIENT) is None


# --- issued tokens and paired devices


@pytest.fixture
def store(tmp_path: Path) -> Any:
    opened = Store(tmp_path / "store.db", (IDENTITY, AUDIT))
    yield opened
    opened.close()


def test_an_issued_token_is_kept_as_a_hash_only(store: Store, tmp_path: Path) -> None:
    token = store.run_now(lambda c: issue_token(c, "ann", "person", ["operator.*"]))
    principal = Identities(store).of_issued_token(token)
    assert principal is not None
    assert (principal.kind, principal.name, principal.allows("operator.read")) == ("person", "ann", True)
    assert Identities(store).of_issued_token(token[:-1] + ("B" if token[-1] == "A" else "A")) is None
    secret = token.rpartition("_")[2].encode()
    store.close()
    assert all(secret not in path.read_bytes() for path in tmp_path.iterdir())


async def test_what_is_revoked_or_expired_is_refused_and_reported(store: Store) -> None:
    identities = Identities(store)
    lost: list[str] = []
    identities.on_revoked = lambda principal: lost.append(principal.name)
    token = await store.run(lambda c: issue_token(c, "ann", "person", ["voice"]))
    short = await store.run(lambda c: issue_token(c, "bob", "person", ["voice"], days=0.2 / 86400))
    await identities.refresh(force=True)
    assert identities.of_issued_token(token) is not None
    await store.run(lambda c: revoke_token(c, token.split("_")[1], "test"))
    await identities.refresh(force=True)
    assert identities.of_issued_token(token) is None
    while identities.of_issued_token(short) is not None:
        await asyncio.sleep(0.01)
    await identities.refresh()
    await identities.refresh()
    assert sorted(lost) == ["ann", "bob"]


async def test_a_report_that_fails_keeps_no_other_from_being_made(store: Store) -> None:
    identities = Identities(store)
    lost: list[str] = []

    def told(principal: Principal) -> None:
        lost.append(principal.name)
        raise OSError("the connection is in a strange state")

    identities.on_revoked = told
    names = ["ann", "bob", "eve"]
    tokens = [await store.run(lambda c, name=name: issue_token(c, name, "person", ["voice"])) for name in names]
    await identities.refresh(force=True)
    for token in tokens:
        await store.run(lambda c, token=token: revoke_token(c, token.split("_")[1], "test"))
    for force in (True, False, False):
        with pytest.raises(OSError, match="strange"):
            await identities.refresh(force=force)
    await identities.refresh_quietly()
    assert sorted(lost) == names


async def test_a_device_is_paired_by_a_code_once(store: Store) -> None:
    identities = Identities(store)
    assert identities.device_token(MAC, CLIENT) is None
    pairing = await identities.want_pairing(MAC, CLIENT, "root\x1b[2J", "10.0.0.5")
    assert await identities.want_pairing(MAC, CLIENT, "root\x1b[2J", "10.0.0.5") == pairing
    assert await identities.pairing_state(MAC, CLIENT) == "waiting"
    assert await identities.pairing_state(MAC, "other") == "unknown"
    with pytest.raises(WireError, match="no device waits"):
        await identities.pair("000000" if pairing.code != "000000" else "111111")
    device = await identities.pair(f"{pairing.code[:3]} {pairing.code[3:]}", "kitchen")
    assert device.name == "kitchen"
    assert await identities.pairing_state(MAC, CLIENT) == "paired"
    with pytest.raises(WireError, match="no device waits"):
        await identities.pair(pairing.code)
    token = identities.device_token(MAC, CLIENT)
    assert token is not None
    principal = identities.of_device_token(token, MAC, CLIENT)
    assert principal is not None
    assert principal.allows("voice")
    assert not principal.allows("server.restart")
    # Somebody who only knows its address is not it.
    assert identities.device_token(MAC, "stolen") is None
    assert identities.of_device_token(token, MAC, "stolen") is None
    await identities.revoke_device(MAC)
    assert identities.of_device_token(token, MAC, CLIENT) is None
    entries = await store.run(lambda c: read_entries(c, 10))
    assert [entry.event for entry in entries] == ["pairing wanted", "paired", "revoked"]
    # What an unknown board calls itself is not who did it.
    assert (entries[0].who, entries[0].detail) == ("", {"board": r"root\x1b[2J"})


async def test_who_is_refused_gets_no_code_for_a_while(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    identities = Identities(store)
    pairing = await identities.want_pairing(MAC, CLIENT, "", "")
    token = identities.pending_token(pairing)
    assert identities.is_pending_token(token, MAC, CLIENT)
    assert await identities.refuse(pairing.code, "ann") == MAC
    assert not identities.is_pending_token(token, MAC, CLIENT)
    assert await identities.pairing_state(MAC, CLIENT) == "refused"
    with pytest.raises(WireError, match="ask again in 10 minutes") as caught:
        await identities.want_pairing(MAC, CLIENT, "", "")
    assert caught.value.code == "refused"
    for settle in (identities.pair, identities.refuse):
        with pytest.raises(WireError, match="no device waits"):
            await settle(pairing.code)
    # Another client of that address is another device, until one of them is paired.
    assert (await identities.want_pairing(MAC, "another", "", "")).code
    (entry,) = await store.run(lambda c: [each for each in read_entries(c, 10) if each.event == "pairing refused"])
    assert (entry.who, entry.device) == ("ann", MAC)
    later = time.time() + 601
    monkeypatch.setattr(time, "time", lambda: later)
    assert await identities.pairing_state(MAC, CLIENT) == "unknown"
    assert (await identities.want_pairing(MAC, CLIENT, "", "")).code


async def test_a_code_expires_and_there_are_not_endlessly_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posewire.identity.stored.CODE_LIFETIME", -1.0)
    monkeypatch.setattr("posewire.identity.stored.MAX_CODES", 2)
    identities = Identities(store)
    pairing = await identities.want_pairing(MAC, CLIENT, "", "")
    with pytest.raises(WireError, match="expired"):
        await identities.pair(pairing.code)
    monkeypatch.setattr("posewire.identity.stored.CODE_LIFETIME", 60.0)
    for number in range(2):
        await identities.want_pairing(f"device-{number}", CLIENT, "", "")
    with pytest.raises(WireError) as caught:
        await identities.want_pairing("device-3", CLIENT, "", "")
    assert caught.value.code == "too_many"


def test_a_device_that_runs_for_a_year_keeps_its_token_until_it_is_revoked(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ("123456", MAC, CLIENT, "", "", "", time.time() + 60)
    store.run_now(lambda c: c.execute("INSERT INTO pairings VALUES (?, ?, ?, ?, ?, ?, ?)", row))
    store.run_now(lambda c: pair(c, "123456", "", (), ""))
    token = Identities(store).device_token(MAC, CLIENT)
    assert token is not None
    year_later = time.time() + 365 * 86400
    monkeypatch.setattr(time, "time", lambda: year_later)
    assert Identities(store).of_device_token(token, MAC, CLIENT) is not None
    store.run_now(lambda c: revoke_device(c, MAC, ""))
    assert Identities(store).of_device_token(token, MAC, CLIENT) is None


def test_a_device_that_was_revoked_and_paired_again_needs_a_new_token(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pair_again() -> Identities:
        row = ("123456", MAC, CLIENT, "", "", "", time.time() + 60)
        store.run_now(lambda c: c.execute("INSERT INTO pairings VALUES (?, ?, ?, ?, ?, ?, ?)", row))
        store.run_now(lambda c: pair(c, "123456", "", (), ""))
        return Identities(store)

    token = pair_again().device_token(MAC, CLIENT)
    assert token is not None
    store.run_now(lambda c: revoke_device(c, MAC, ""))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 5)
    identities = pair_again()
    assert identities.of_device_token(token, MAC, CLIENT) is None
    fresh = identities.device_token(MAC, CLIENT)
    assert fresh is not None
    assert identities.of_device_token(fresh, MAC, CLIENT) is not None


@pytest.mark.parametrize("generation", ["", "a random value"])
def test_a_host_whose_clock_is_behind_knows_its_own_devices(
    store: Store, monkeypatch: pytest.MonkeyPatch, generation: str
) -> None:
    row = ("123456", MAC, CLIENT, generation, "", "", time.time() + 60)
    store.run_now(lambda c: c.execute("INSERT INTO pairings VALUES (?, ?, ?, ?, ?, ?, ?)", row))
    store.run_now(lambda c: pair(c, "123456", "", (), ""))
    token = Identities(store).device_token(MAC, CLIENT)
    assert token is not None
    long_ago = time.time() - 365 * 86400
    monkeypatch.setattr(time, "time", lambda: long_ago)
    assert Identities(store).of_device_token(token, MAC, CLIENT) is not None
    # What it makes meanwhile is good afterwards, too.
    early = Identities(store).device_token(MAC, CLIENT)
    assert early is not None
    assert (Identities(store).of_device_token(early, MAC, CLIENT) is not None) == bool(generation)


async def test_a_token_of_before_the_clock_was_set_back_does_not_outlive_its_pairing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    identities = Identities(store)

    async def pair_again() -> str:
        pairing = await identities.want_pairing(MAC, CLIENT, "", "")
        await identities.pair(pairing.code)
        token = identities.device_token(MAC, CLIENT)
        assert token is not None
        return token

    token = await pair_again()
    await identities.revoke_device(MAC)
    long_ago = time.time() - 365 * 86400
    monkeypatch.setattr(time, "time", lambda: long_ago)
    fresh = await pair_again()
    assert identities.of_device_token(token, MAC, CLIENT) is None
    assert identities.of_device_token(fresh, MAC, CLIENT) is not None


async def test_a_token_beside_the_code_is_good_when_the_code_is_confirmed(store: Store) -> None:
    identities = Identities(store)
    pairing = await identities.want_pairing(MAC, CLIENT, "", "")
    token = identities.pending_token(pairing)
    for known in (identities, Identities(store)):  # also after a restart
        assert known.of_device_token(token, MAC, CLIENT) is None
        assert known.is_pending_token(token, MAC, CLIENT)
        assert not known.is_pending_token(token, MAC, "other")
        assert not known.is_pending_token(token[:-1] + str((int(token[-1]) + 1) % 10), MAC, CLIENT)
    await identities.pair(pairing.code)
    assert identities.of_device_token(token, MAC, CLIENT) is not None
    assert identities.of_device_token(token, MAC, "other") is None
    assert identities.of_device_token(token, "aa:bb:cc:00:00:02", CLIENT) is None
    # A later pairing has other tokens, also the ones beside its code.
    await identities.revoke_device(MAC)
    second = await identities.want_pairing(MAC, CLIENT, "", "")
    await identities.pair(second.code)
    assert identities.of_device_token(token, MAC, CLIENT) is None


def test_devices_that_wait_do_not_lock_their_address_out() -> None:
    def waits() -> None:
        raise PairingPendingError("not yet")

    limit = FailureLimit(3)
    for _ in range(10):
        with pytest.raises(PairingPendingError):
            limit.attempt("192.0.2.1", waits)
    limit.attempt("192.0.2.1", lambda: None)


def test_the_audit_log_cannot_be_changed() -> None:
    store = Store(MEMORY, (AUDIT,))
    store.run_now(lambda c: write_entry(c, "paired", "ann", device=MAC, detail="x"))
    for change in ("UPDATE audit SET who = 'eve'", "DELETE FROM audit"):
        with pytest.raises((StoreError, sqlite3.IntegrityError), match="append only"):
            store.run_now(lambda c, change=change: c.execute(change))
    (entry,) = store.run_now(lambda c: read_entries(c, 5))
    assert (entry.event, entry.who, entry.device, entry.detail) == ("paired", "ann", MAC, {"detail": "x"})
    store.close()


# --- JWT

OLD, NEW = "o" * 32, "n" * 40


def verifier(tmp_path: Path, **keys: dict[str, str]) -> JwtVerifier:
    (tmp_path / "old").write_text(OLD + "\n")
    (tmp_path / "new").write_text(NEW)
    return JwtVerifier(
        read_auth(
            {
                "jwt_issuer": "https://id.example",
                "jwt_keys": keys or {"old": {"file": f"{tmp_path}/old"}, "new": {"file": f"{tmp_path}/new"}},
            }
        )
    )


def signed(key: Any = NEW, kid: str | None = "new", algorithm: str = "HS256", **claims: Any) -> str:
    all_claims = {
        "iss": "https://id.example",
        "aud": "posewire",
        "sub": "ann",
        "exp": datetime.now(UTC) + timedelta(hours=2),
        "scope": "room.join:studio voice",
        **claims,
    }
    kept = {name: value for name, value in all_claims.items() if value is not None}
    return jwt.encode(kept, key, algorithm, headers={"kid": kid} if kid else None)


def test_old_and_new_keys_are_good_while_an_issuer_changes_them(tmp_path: Path) -> None:
    check = verifier(tmp_path)
    for token in (signed(OLD, "old"), signed(NEW, "new")):
        principal = check.principal(token)
        assert (principal.kind, principal.name) == ("person", "ann")
        assert principal.allows("room.join:studio")
        assert not principal.allows("room.join:hall")
    program = check.principal(signed(kind="program", scope=["operator.read"], device="AA:01"))
    assert (program.kind, program.device_id, program.allows("operator.read")) == ("program", "aa:01", True)


@pytest.mark.parametrize(
    "token",
    [
        signed(kid="unknown"),
        signed(kid=None),
        signed(OLD, "new"),
        signed(iss="https://evil.example"),
        signed(aud="another-service"),
        signed(exp=datetime.now(UTC) - timedelta(minutes=2)),
        signed(nbf=datetime.now(UTC) + timedelta(hours=1)),
        signed(exp=None),
        signed(sub=None),
        signed(scope=7),
        signed("x" * 64, "new", "HS512"),
        jwt.encode({"sub": "ann"}, None, "none", headers={"kid": "new"}),
        "a.b.c",
        "..",
    ],
)
def test_every_other_jwt_is_refused(tmp_path: Path, token: str) -> None:
    with pytest.raises(WireError) as caught:
        verifier(tmp_path).principal(token)
    assert caught.value.code == "unauthorized"


def test_a_public_key_is_no_shared_secret(tmp_path: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / "public.pem").write_bytes(public)
    check = verifier(tmp_path, only={"algorithm": "ES256", "file": f"{tmp_path}/public.pem"})
    assert check.principal(signed(private, None, "ES256")).name == "ann"
    forged = jwt.utils.base64url_encode(b'{"alg":"HS256","kid":"only"}') + b"." + signed().split(".")[1].encode()
    forged += b"." + jwt.utils.base64url_encode(hmac.digest(public, forged, "sha256"))
    with pytest.raises(WireError):
        check.principal(forged.decode())


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"tokn_file": "x"}, "tokn_file"),
        ({"pairing": "yes"}, "pairing"),
        ({"token_file": "/nowhere/token"}, "token_file"),
        ({"token_scopes": 1}, "token_scopes"),
        ({"jwt_keys": {"a": {"env": "POSEWIRE_TEST_SHORT"}}, "jwt_issuer": "x"}, "at least 32"),
        ({"jwt_keys": {"a": {}}, "jwt_issuer": "x"}, "names no key"),
        ({"jwt_keys": {"a": {"algorithm": "none"}}, "jwt_issuer": "x"}, "algorithm"),
        ({"jwt_keys": {"a": {"env": "POSEWIRE_TEST_LONG"}}}, "jwt_issuer"),
    ],
)
def test_a_section_that_makes_no_sense_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, section: dict[str, Any], says: str
) -> None:
    monkeypatch.setenv("POSEWIRE_TEST_SHORT", "too short")
    monkeypatch.setenv("POSEWIRE_TEST_LONG", "l" * 32)
    with pytest.raises(ConfigError, match=says):
        read_auth(section)


def test_a_mistyped_store_is_said_and_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gone" / "posewire.db"
    for words in (("audit",), ("devices", "list"), ("devices", "revoke", MAC), ("tokens", "list")):
        assert main([*words, "--store", str(file)]) == 2
        assert f"there is no store {file}" in capsys.readouterr().err
    assert not file.parent.exists()
    # A token may come before the host.
    assert main(["tokens", "issue", "ann", "--store", str(file)]) == 0
    assert main(["tokens", "list", "--store", str(file)]) == 0
    assert "ann" in capsys.readouterr().out


@pytest.mark.parametrize("words", [("tokens", "issue", "ann", "--days", "-3"), ("audit", "--last", "0")])
def test_numbers_that_make_no_sense_are_refused(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "posewire.db"
    Store(str(file), (IDENTITY, AUDIT)).close()
    assert main([*words, "--store", str(file)]) == 2
    assert f"{words[-2]} must be" in capsys.readouterr().err

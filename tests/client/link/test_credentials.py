"""The token: asked again before a JWT expires, and when the host refuses."""

import time
from pathlib import Path

import jwt
import pytest

from posewire.client.link.credentials import Credentials
from posewire.errors import ConfigError

SECRET = "a secret of 32 bytes or more, as HS256 wants it"


def token_for(seconds: float) -> str:
    return jwt.encode({"sub": "camera", "exp": time.time() + seconds}, SECRET, algorithm="HS256")


async def test_a_token_that_lasts_is_asked_for_once() -> None:
    asked: list[str] = []

    def source() -> str:
        asked.append(token_for(3600))
        return asked[-1]

    credentials = Credentials(source)
    assert await credentials.token() == await credentials.token() == asked[0]
    left = credentials.seconds_left()
    assert left is not None
    assert 3500 < left <= 3600
    await credentials.token(refused=True)
    assert len(asked) == 2


async def test_one_that_is_about_to_expire_is_asked_for_again() -> None:
    tokens = [token_for(20), token_for(3600)]

    async def source() -> str:
        return tokens.pop(0)

    credentials = Credentials(source)
    first = await credentials.token()
    assert await credentials.token() != first
    assert tokens == []


async def test_given_and_from_a_file(tmp_path: Path) -> None:
    assert await Credentials().token() == ""
    assert await Credentials("given").token() == "given"
    assert Credentials("a.b.c").seconds_left() is None
    file = tmp_path / "token"
    file.write_text("one\n")
    credentials = Credentials(file)
    assert await credentials.token() == "one"
    file.write_text("two\n")
    assert await credentials.token() == "one"
    assert await credentials.token(refused=True) == "two"
    file.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        await credentials.token(refused=True)


async def test_a_function_that_fails_is_named() -> None:
    def source() -> str:
        raise OSError("the vault is closed")

    with pytest.raises(ConfigError, match="the vault is closed"):
        await Credentials(source).token()


@pytest.mark.parametrize("wrong", [5, None, b"bytes", "two words", "line\n", "tökén"])
async def test_what_is_no_token_is_said(wrong: object) -> None:
    with pytest.raises(ConfigError, match="a token must"):
        await Credentials(lambda: wrong).token()  # type: ignore[arg-type, return-value]

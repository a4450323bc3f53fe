"""The reader of the settings: every mistake is refused by name, in plain English."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.config import (
    at_least,
    begins_with,
    between,
    check_rules,
    less_than,
    more_than,
    read_key,
    read_secret,
    read_table,
    read_toml,
)
from posewire.errors import ConfigError
from posewire.server.settings import Settings, load_settings


@dataclass(frozen=True)
class Lamp:
    pin: Annotated[int, between(0, 48)]
    label: str = ""

    def __post_init__(self) -> None:
        check_rules(self)


@dataclass(frozen=True)
class House:
    name: str = ""
    lit: bool = False
    floors: Annotated[int, at_least(1)] = 1
    keep: Annotated[float, between(0, 86400, "seconds")] = 60.0
    share: Annotated[float, more_than(0), less_than(1)] = 0.5
    colour: Literal["red", "green", "blue"] = "red"
    url: Annotated[str, begins_with("ws://", "wss://")] = ""
    rooms: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()
    porch: Lamp | None = None
    hall: Lamp = field(default_factory=lambda: Lamp(1))
    lamps: tuple[Lamp, ...] = ()
    by_name: Mapping[str, Lamp] = field(default_factory=dict)
    anything: Mapping[str, Any] = field(default_factory=dict)
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        check_rules(self)


def test_a_whole_table_is_read(tmp_path: Path) -> None:
    file = tmp_path / "house.toml"
    file.write_text(
        """
        [house]
        name = "home"
        lit = true
        keep = 86400
        colour = "blue"
        url = "wss://example.org"
        rooms = ["hall", "attic"]
        scopes = "voice"
        porch = {pin = 3}
        anything = {deep = {er = 1}}
        [[house.lamps]]
        pin = 1
        [[house.lamps]]
        pin = 2
        [house.by_name."the big one"]
        pin = 7
        """
    )
    house = read_table(House, read_toml(file)["house"], "house")
    assert (house.name, house.lit, house.keep, house.colour) == ("home", True, 86400.0, "blue")
    assert type(house.keep) is float
    assert (house.rooms, house.scopes) == (("hall", "attic"), frozenset({"voice"}))
    assert (house.porch, house.hall, house.lamps) == (Lamp(3), Lamp(1), (Lamp(1), Lamp(2)))
    assert house.by_name == {"the big one": Lamp(7)}
    assert house.anything == {"deep": {"er": 1}}
    assert read_table(House, {}, "house") == House()


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("home", "[house] must be a table"),
        ({"nmae": 1}, "[house] has no setting 'nmae'; its settings are name, lit, floors, "),
        ({"name": 3}, "[house] name must be a string, not 3"),
        ({"lit": 1}, "[house] lit must be true or false, not 1"),
        ({"floors": True}, "[house] floors must be a whole number, not True"),
        ({"floors": 1.0}, "[house] floors must be a whole number, not 1.0"),
        ({"floors": 0}, "[house] floors must be at least 1, not 0"),
        ({"keep": True}, "[house] keep must be a finite number, not True"),
        ({"keep": float("nan")}, "[house] keep must be a finite number, not nan"),
        ({"keep": float("-inf")}, "[house] keep must be a finite number, not -inf"),
        ({"keep": 10**400}, "[house] keep must be a finite number, not 1000"),
        ({"keep": 86401}, "[house] keep must be between 0 and 86400 seconds, not 86401.0"),
        ({"share": 0}, "[house] share must be more than 0, not 0.0"),
        ({"share": 1}, "[house] share must be less than 1, not 1.0"),
        ({"colour": "black"}, "[house] colour must be red, green or blue, not 'black'"),
        ({"url": "http://x"}, "[house] url must begin with ws:// or wss://, not 'http://x'"),
        ({"rooms": [1]}, "[house] rooms must be a string or a list of strings, not [1]"),
        ({"rooms": {"a": 1}}, "[house] rooms must be a string or a list of strings, not {'a': 1}"),
        ({"scopes": 3}, "[house] scopes must be a string or a list of strings, not 3"),
        ({"porch": 3}, "[house.porch] must be a table"),
        ({"porch": {}}, "[house.porch] needs the setting pin"),
        ({"hall": {"pin": 50}}, "[house.hall] pin must be between 0 and 48, not 50"),
        ({"lamps": {"pin": 1}}, "[house] lamps must be written as tables [[house.lamps]]"),
        ({"lamps": [3]}, "[[house.lamps]] must be a table"),
        ({"lamps": [{"pin": -1}]}, "[[house.lamps]] pin must be between 0 and 48, not -1"),
        ({"by_name": []}, "[house.by_name] must be a table"),
        ({"by_name": {"a b": {"pin": "x"}}}, "[house.by_name.\"a b\"] pin must be a whole number, not 'x'"),
        ({"anything": 3}, "[house] anything must be a table, not 3"),
    ],
)
def test_a_mistake_is_named(table: Any, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_table(House, table, "house")
    assert str(caught.value).startswith(says)


def test_a_secret_is_not_in_the_message() -> None:
    with pytest.raises(ConfigError) as caught:
        read_table(House, {"token": ["sesame"]}, "house")
    assert str(caught.value) == "[house] token must be a string"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
_KEYS = st.sampled_from([entry.name for entry in fields(House)])


@given(st.dictionaries(_KEYS, _JSON))
def test_any_table_is_read_or_refused(table: dict[str, Any]) -> None:
    try:
        house = read_table(House, table, "house")
    except ConfigError as error:
        assert str(error).startswith(("[house", "[[house"))
    else:
        assert house.keep == table.get("keep", 60.0)
        assert 0 <= house.keep <= 86400


@pytest.mark.parametrize(
    ("content", "says"), [(None, "cannot read"), (b"a = ", "is not valid TOML"), (b"\xff", "is not valid TOML")]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    file = tmp_path / "posewire.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"{says}.*|.*{says}") as caught:
        read_toml(file)
    assert str(file) in str(caught.value)


def test_a_secret_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b" sesame\n")
    monkeypatch.setenv("POSEWIRE_TEST_SECRET", "open\n")
    monkeypatch.delenv("POSEWIRE_TEST_NONE", raising=False)
    assert read_secret("[x] file", str(file), "POSEWIRE_TEST_SECRET") == "sesame"
    assert read_secret("[x] file", "", "POSEWIRE_TEST_SECRET", needed=True) == "open"
    assert read_secret("[x] file", "", "POSEWIRE_TEST_NONE") == read_secret("[x] file") == ""
    with pytest.raises(ConfigError, match="the environment variable POSEWIRE_TEST_NONE is not set"):
        read_secret("[x] file", "", "POSEWIRE_TEST_NONE", needed=True)
    with pytest.raises(ConfigError, match=r"\[x\] file: cannot read .*none: No such file"):
        read_secret("[x] file", f"{tmp_path}/none")
    file.write_bytes(b"\xff\xfe")
    assert read_key("[x] file", str(file)) == b"\xff\xfe"
    with pytest.raises(ConfigError, match="does not hold text"):
        read_secret("[x] file", str(file))


# --- the host's settings


def test_every_section_of_the_settings_can_be_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("POSEWIRE_TOKEN", "POSEWIRE_STOCK_KEY", "POSEWIRE_UPSTREAM_TOKEN", "POSEWIRE_ALERT_WEBHOOK"):
        monkeypatch.delenv(variable, raising=False)
    file = tmp_path / "posewire.toml"
    file.write_text("".join(f"[{entry.name}]\n" for entry in fields(Settings)))
    assert load_settings(file) == load_settings(None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[sevrer]\n", "unknown section [sevrer]; its sections can be [server], [auth], "),
        ("server = 3\n", "[server] must be a table"),
        ("[server]\nport = 70000\n", "[server] port must be between 0 and 65535, not 70000"),
        ("[server]\nhello_timeout = inf\n", "[server] hello_timeout must be a finite number, not inf"),
        ("[rooms]\nidle_timeout = -1\n", "[rooms] idle_timeout must be at least 0 seconds (0: never), not -1.0"),
        ("[flood]\ntext_burst = 0\n", "[flood] text_burst must be at least 1 message, not 0"),
        ("[ota]\nframe_protocol = 4\n", "[ota] frame_protocol must be 1, 2 or 3, not 4"),
        ("[mdns]\nname = 'a b'\n", "[mdns] name must have 1 to 63 letters, digits and hyphens, not 'a b'"),
        ("[alerts]\nwebhook = 'ftp://secret'\n", "[alerts] webhook must begin with http:// or https://"),
        ("[voice]\nenabled = 1\n", "[voice] enabled must be true or false, not 1"),
        ("[voice.chat.devices.x]\nprompt = '{y}'\n", "[voice.chat.devices.x] the prompt has no placeholder {y}"),
        ("[push.events.bell]\n", "[push.events.bell] must have one of say and ask, not both"),
        ("[push]\nevent = 1\n", "[push] has no setting 'event'; its settings are events"),
        ("[[tools.mcp]]\nname = 'A'\n", "[[tools.mcp]] name must be 1 to 32 small letters, digits, - and _, not 'A'"),
        ("[tools.home_assistant]\nurl = 'x'\n", "[tools.home_assistant] url must be an address like http://home"),
        ("[auth.jwt_keys.a]\nalgorithm = 'none'\n", "[auth.jwt_keys.a] algorithm must be HS256, HS384, "),
        ("[auth.jwt_keys.a]\nenv = 'X'\n", "[auth] jwt_keys needs jwt_issuer"),
    ],
)
def test_a_mistake_in_the_settings_is_told_in_plain_english(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "posewire.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(file)
    assert says in str(caught.value)


def test_reading_the_settings_imports_no_server_and_no_engine() -> None:
    code = (
        "import sys, posewire.server.settings\n"
        "heavy = {'aiohttp', 'h11', 'hassil', 'mcp', 'numpy', 'prometheus_client', 'soxr', 'starlette', 'uvicorn',"
        " 'websockets', 'yaml', 'yarl'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

"""Names of tools, as models may write them."""

import re

from hypothesis import given
from hypothesis import strategies as st

from posewire.voice.tools.names import plain_name, plain_names

ALLOWED = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def test_names_stay_readable() -> None:
    assert plain_name("self.led.set_color") == "self_led_set_color"
    assert plain_name("get_time") == "get_time"
    assert ALLOWED.fullmatch(plain_name("打开灯"))
    assert plain_name("打开灯") != plain_name("关灯")


def test_two_names_that_become_one_are_told_apart_whatever_else_there_is() -> None:
    alone = {real: plain for plain, real in plain_names(["led.on", "led/on"]).items()}
    among = {real: plain for plain, real in plain_names(["led/on", "other", "led.on"]).items()}
    assert alone["led.on"] == among["led.on"] != alone["led/on"] == among["led/on"]
    assert plain_names(["led_on", "led.on"])["led_on"] == "led_on"


@given(st.lists(st.text(max_size=90)))
def test_every_name_has_its_own_allowed_name(names: list[str]) -> None:
    plain = plain_names(names)
    assert sorted(plain.values()) == sorted(set(names))
    assert all(ALLOWED.fullmatch(name) for name in plain)


@given(st.lists(st.text("a.b_", min_size=1, max_size=3), min_size=2))
def test_names_that_collide_much_are_told_apart(names: list[str]) -> None:
    assert sorted(plain_names(names).values()) == sorted(set(names))

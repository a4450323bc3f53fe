"""Placeholders in replies and arguments."""

from posewire.voice.commands.placeholders import PlaceholderValue, fill_argument, fill_text, placeholders

VALUES = {"level": PlaceholderValue("thirty", 30), "colour": PlaceholderValue("red", "red", {"r": 255, "g": 0})}


def test_placeholders_are_found_with_their_fields() -> None:
    assert placeholders("{level} of {colour.r}, { no } {}") == [("level", ""), ("colour", "r")]


def test_a_reply_gets_the_texts() -> None:
    assert fill_text("{level} percent {colour}, {colour.g} green", VALUES) == "thirty percent red, 0 green"


def test_a_lone_placeholder_keeps_its_type_in_an_argument() -> None:
    assert fill_argument("{level}", VALUES) == 30
    assert fill_argument("{colour.r}", VALUES) == 255
    assert fill_argument("{level} {colour}", VALUES) == "thirty red"
    assert fill_argument(True, VALUES) is True

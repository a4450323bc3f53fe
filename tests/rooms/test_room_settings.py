"""The limits of rooms."""

from typing import Any

import pytest

from posewire.errors import ConfigError
from posewire.rooms.settings import RoomSettings


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_rooms", 0), ("max_members", 0), ("max_members", 256), ("idle_timeout", -1.0)],
)
def test_a_limit_out_of_range_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        RoomSettings(**{name: value})


def test_a_room_may_have_as_many_members_as_there_are_member_ids_and_stay_for_ever() -> None:
    assert RoomSettings(max_members=255, idle_timeout=0.0).max_members == 255

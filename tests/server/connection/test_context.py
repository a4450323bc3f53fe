"""The parts of the host that a connection is given."""

from dataclasses import replace

from posewire.server.connection.settings import FloodSettings
from server.connection.wired import Parts


async def test_settings_that_change_count_from_then_on(parts: Parts) -> None:
    before = parts.greeted("before")
    parts.settings = replace(parts.settings, flood=FloodSettings(text_rate=1e-3, text_burst=1), resume_window=5.0)
    after = parts.greeted("after")
    for wire in (before, after):
        wire.send(type="ping", id=1)
    assert (before.codes(), after.codes()) == ([], ["too_many"])
    before.lose()
    ((_, _, left),) = parts.resumption.kept()
    assert left <= 5.0

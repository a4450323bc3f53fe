"""The host's hello."""

from dataclasses import replace

import pytest

from posewire.server.connection.hello import hello_answer, replace_older
from server.connection.wired import Parts


@pytest.mark.parametrize("features", [{}, {"pose": True}, {"update": True}, {"telemetry": True, "update": True}])
async def test_only_what_the_device_names_is_agreed_on(parts: Parts, features: dict[str, bool]) -> None:
    wire = parts.greeted(features=features)
    answer = hello_answer(wire.handler, resumed=False)
    assert answer["features"] == {"pose": False, **features}
    assert "resumed" not in answer


async def test_a_resumed_session_is_called_so(parts: Parts) -> None:
    assert hello_answer(parts.greeted().handler, resumed=True)["resumed"] is True


async def test_before_hello_it_says_what_a_device_gets_that_offers_nothing(parts: Parts) -> None:
    answer = hello_answer(parts.connect(protocol=None).handler, resumed=False)
    assert (answer["version"], answer["features"]) == (1, {"pose": False})
    assert answer["audio_params"]["format"] == "pcm"


@pytest.mark.parametrize(("client", "says"), [("same", True), ("another", False)])
async def test_an_older_connection_is_told_who_replaces_it(parts: Parts, client: str, says: bool) -> None:
    older, newer = parts.greeted(), parts.connect()
    older.handler.identity = replace(older.handler.identity, client_id="same")
    newer.handler.identity = replace(newer.handler.identity, client_id=client)
    replace_older(older.handler, newer.handler)
    assert older.close_code == 4000
    assert older.close_reason.endswith("of this device and client") == says
    assert newer.close_code is None

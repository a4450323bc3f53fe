"""The host's hello."""

import pytest

from posewire.server.connection.hello_answer import hello_answer
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

"""The switch to an upstream server."""

from collections import Counter
from dataclasses import replace

from posewire.identity.principal import Principal
from posewire.server.bridge.settings import UpstreamSettings
from posewire.server.connection.upstream import UpstreamSwitch
from posewire.server.speech_encoding import SpeechEncoding
from server.connection.wired import Parts

SPEAKER = Principal("person", "ann", frozenset({"voice"}))
UPSTREAM = UpstreamSettings(url="ws://127.0.0.1:9/")


async def test_only_a_device_that_may_speak_goes_upstream_and_only_where_there_is_such_a_server(parts: Parts) -> None:
    for settings, scopes, goes in (
        (UPSTREAM, frozenset({"voice"}), True),
        (UPSTREAM, frozenset({"room.*"}), False),
        (UpstreamSettings(), frozenset({"voice"}), False),
    ):
        peer = parts.greeted(principal=replace(SPEAKER, scopes=scopes)).handler
        switch = UpstreamSwitch(settings, SpeechEncoding(), Counter())
        switch.update(peer)
        assert (switch.bridge is not None) == goes
        switch.close()


async def test_it_waits_for_the_hello(parts: Parts) -> None:
    wire = parts.connect(principal=SPEAKER)
    switch = UpstreamSwitch(UPSTREAM, SpeechEncoding(), Counter())
    switch.update(wire.handler)
    assert switch.bridge is None
    wire.hello()
    switch.update(wire.handler)
    first = switch.bridge
    assert first is not None
    switch.update(wire.handler)
    assert switch.bridge is first
    switch.close()


async def test_a_device_that_may_no_longer_speak_comes_back(parts: Parts) -> None:
    wire = parts.greeted(principal=SPEAKER)
    switch = UpstreamSwitch(UPSTREAM, SpeechEncoding(), Counter())
    switch.update(wire.handler)
    wire.handler.identity = replace(wire.handler.identity, principal=replace(SPEAKER, scopes=frozenset()))
    switch.update(wire.handler)
    assert switch.bridge is None
    assert len(wire.handler._tasks) <= 1
    switch.close()  # it is closed already: nothing happens

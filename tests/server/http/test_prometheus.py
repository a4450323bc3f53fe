"""The metrics that Prometheus gets."""

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from posewire.server.host import Host
from posewire.wire.frames import FrameType, build_frame
from support.hosts import http_url
from support.peers import Peers


async def scraped(host: Host) -> dict[str, float]:
    async with httpx2.AsyncClient() as client:
        answer = await client.get(http_url(host, "/metrics"))
    assert answer.status_code == 200
    return {
        sample.name + "".join(f"/{value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_prometheus_sees_connections_rooms_drops_and_errors(host: Host, peers: Peers) -> None:
    publisher = await peers.connect("aa:00:00:00:00:01")
    await publisher.hello()
    await publisher.join(publish=["audio"])
    listener = await peers.connect("aa:00:00:00:00:02")
    await listener.hello()
    await listener.join(subscribe=["audio"])
    frame = build_frame(FrameType.AUDIO, bytes(60), 3)
    for _ in range(40):
        await publisher.socket.send(frame)
    await publisher.echo()
    listener.socket.transport.abort()
    await publisher.receive("room", event="away")
    for _ in range(5):
        await publisher.socket.send(frame)
    await publisher.send(type="nonsense")
    await publisher.echo()
    seen = await scraped(host)
    assert seen["posewire_connections"] == 1
    assert seen["posewire_room_members"] == 2
    assert seen["posewire_audio_in_total"] == 45
    assert (seen["posewire_audio_out_total"], seen["posewire_audio_dropped_total"]) == (40, 5)
    assert seen["posewire_refused_total/unknown_type"] == 1
    assert seen["posewire_message_seconds_count"] >= 2
    assert seen["posewire_connection_queue_bytes_count"] == 1
    assert seen["posewire_resident_bytes"] > 1e6


async def test_what_a_connection_holds_is_charged_to_it(host: Host, peers: Peers) -> None:
    publisher = await peers.connect()
    await publisher.hello()
    await publisher.join(publish=["audio"])
    for _ in range(10):
        await publisher.socket.send(build_frame(FrameType.AUDIO, bytes(1920), 3))
    await publisher.echo()
    assert (await scraped(host))["posewire_connection_held_bytes_sum"] >= 19200
    await publisher.send(type="room", action="leave")
    await publisher.echo()
    assert (await scraped(host))["posewire_connection_held_bytes_sum"] < 1920

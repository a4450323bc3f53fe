"""Devices in Home Assistant by MQTT: a real host, a real Mosquitto, a client that reads what Home Assistant would."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
import pytest_asyncio

from posewire.errors import ConfigError
from posewire.server.host import Host
from posewire.server.mqtt.settings import MqttSettings
from posewire.server.settings import Settings, load_settings
from posewire.sim.board import DEVICE_ID, SimBoard
from posewire.sim.memory_model import ROOMY_CHIP
from posewire.voice.settings import VoiceSettings
from support.hosts import running, settings
from support.peers import Peer, Peers
from support.programs.debian_packages import find
from support.servers.broker import Broker
from support.waiting import eventually

DEVICE = "aa:bb:cc:00:00:01"
SLUG = "aa_bb_cc_00_00_01"
CONFIG = f"homeassistant/device/posewire_{SLUG}/config"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    if find("mosquitto") is None:
        pytest.skip("not installed: sudo apt install mosquitto (make programs does it for root)")
    with Broker(tmp_path) as made:
        yield made


def with_broker(broker: Broker, **fields: Any) -> Settings:
    mqtt = MqttSettings("127.0.0.1", broker.port, user=Broker.USER, password=Broker.PASSWORD, **fields)
    return replace(settings(), mqtt=mqtt)


def with_voice(wanted: Settings) -> Settings:
    return replace(wanted, voice=VoiceSettings(tts="none"))


class Reader:
    """What Home Assistant would have read: the last message of each topic, and all messages in order."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.last: dict[str, str] = {}
        self.all: list[tuple[str, str, bool]] = []
        self._changed = asyncio.Event()

    async def read(self) -> None:
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            topic, payload = str(message.topic), message.payload.decode()
            self.last[topic] = payload
            self.all.append((topic, payload, message.retain))
            self._changed.set()

    async def until(self, topic: str, wanted: str | None = None) -> str:
        """Wait until a topic has a message (or this one); return it."""
        async with asyncio.timeout(60):
            while topic not in self.last or (wanted is not None and self.last[topic] != wanted):
                self._changed.clear()
                await self._changed.wait()
        return self.last[topic]

    async def until_json(self, topic: str, **fields: Any) -> dict[str, Any]:
        """Wait until a topic has an object with these fields; return it."""
        async with asyncio.timeout(60):
            while True:
                value = json.loads(self.last.get(topic) or "{}")
                if value and fields.items() <= value.items():
                    return value
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def reader(broker: Broker) -> AsyncIterator[Reader]:
    async with aiomqtt.Client("127.0.0.1", broker.port, username=Broker.USER, password=Broker.PASSWORD) as client:
        await client.subscribe([("homeassistant/#", 1), ("posewire/#", 1)])
        made = Reader(client)
        reading = asyncio.create_task(made.read())
        try:
            yield made
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


@pytest_asyncio.fixture
async def host(broker: Broker) -> AsyncIterator[Host]:
    async with running(with_voice(with_broker(broker))) as here:
        yield here


@pytest_asyncio.fixture
async def seen(broker: Broker) -> AsyncIterator[Reader]:
    async with reader(broker) as made:
        yield made


@pytest_asyncio.fixture
async def peers(host: Host) -> AsyncIterator[Peers]:
    made = Peers(host.url)
    yield made
    await made.close()


async def a_board(peers: Peers, device: str = DEVICE) -> Peer:
    peer = await peers.connect(device)
    await peer.hello(device={"board": "sim", "firmware": "1.2.3"})
    return peer


async def test_a_board_in_home_assistant(host: Host, seen: Reader) -> None:
    """The real firmware: what it can do, shows and is told."""
    slug = DEVICE_ID.replace(":", "_")
    topic = f"posewire/{slug}"
    with SimBoard(url=host.url, chip=ROOMY_CHIP, room="studio") as board:
        await seen.until(f"{topic}/available", "online")
        await seen.until("posewire/status", "online")
        await seen.until(f"{topic}/light")
        config = await seen.until_json(f"homeassistant/device/posewire_{slug}/config")
        about, parts = config["device"], config["components"]
        assert (about["model"], about["connections"]) == ("sim", [["mac", DEVICE_ID]])
        assert config["availability"] == [{"topic": "posewire/status"}, {"topic": f"{topic}/available"}]
        wanted = {"light", "volume", "announce", "identify", "restart", "wake", "turn", "event", "room", "firmware"}
        assert wanted <= set(parts)
        assert {part["platform"] for part in parts.values()} == {
            "light", "number", "notify", "button", "event", "sensor",
        }  # fmt: skip
        assert len({part["unique_id"] for part in parts.values()}) == len(parts)

        async def send(name: str, payload: str) -> None:
            await seen.client.publish(f"{topic}/{name}/set", payload, qos=1)

        await send("light", '{"state":"ON","color":{"r":0,"g":255,"b":0},"brightness":128}')
        state = await seen.until_json(f"{topic}/light", state="ON", brightness=128)
        assert state["color"] == {"r": 0, "g": 255, "b": 0}
        await asyncio.to_thread(board.wait, lambda: board.led.color == (0, 128, 0), 20, "the light to be green")
        await send("light", '{"state":"OFF"}')
        await seen.until_json(f"{topic}/light", state="OFF")
        await send("light", '{"state":"ON"}')
        await seen.until_json(f"{topic}/light", state="ON", brightness=128)
        await send("volume", "35")
        await seen.until_json(f"{topic}/state", volume=35, room="studio")
        await send("announce", "The washing machine is done.")
        await asyncio.to_thread(board.wait, lambda: bool(board.sentences), 20, "the announcement")
        assert board.sentences == ["The washing machine is done."]
        turn = await seen.until_json(f"{topic}/turn")
        assert turn == {"event_type": "answered"}
        assert json.loads(seen.last[f"{topic}/room"]) == {"event_type": "joined", "room": "studio"}
        assert not [topic for topic, _, retained in seen.all if retained and topic.endswith(("/turn", "/room"))]
    await seen.until(f"{topic}/available", "offline")


async def test_presence_and_names(host: Host, peers: Peers, seen: Reader) -> None:
    peer = await a_board(peers)
    await seen.until(f"posewire/{SLUG}/available", "online")
    assert json.loads(seen.last[CONFIG])["device"]["sw_version"] == "1.2.3"
    await host.services.identities.rename(DEVICE, "kitchen", "test")
    async with asyncio.timeout(30):
        while json.loads(seen.last[CONFIG])["device"]["name"] != "kitchen":
            await asyncio.sleep(0.01)
    await peer.send(type="listen", state="start", mode="manual")
    assert await seen.until_json(f"posewire/{SLUG}/wake") == {"event_type": "button"}
    await peer.send(type="event", name="gesture", data={"hand": "left", "far": {"too": "deep"}})
    event = await seen.until_json(f"posewire/{SLUG}/event")
    assert event == {"event_type": "reported", "name": "gesture", "data": {"hand": "left", "far": ""}}
    await peer.socket.close()
    await seen.until(f"posewire/{SLUG}/available", "offline")


async def test_programs_are_not_published(host: Host, peers: Peers, seen: Reader) -> None:
    viewer = await peers.connect("viewer")
    await viewer.hello()
    await a_board(peers)
    await seen.until(f"posewire/{SLUG}/available", "online")
    assert not [topic for topic in seen.last if "viewer" in topic]


async def test_a_revoked_device_is_taken_away(host: Host, peers: Peers, seen: Reader, broker: Broker) -> None:
    await a_board(peers)
    await seen.until(f"posewire/{SLUG}/available", "online")
    assert host.services.mqtt is not None
    for peer in list(host.services.registry):
        peer.close(1008, "revoked")
    host.services.mqtt.forget(DEVICE)
    await seen.until(CONFIG, "")
    await seen.until(f"posewire/{SLUG}/state", "")
    async with reader(broker) as later:
        await later.until("posewire/status", "online")
        assert not [topic for topic in later.last if SLUG in topic]


async def test_a_broker_that_was_away_is_told_all_again(host: Host, peers: Peers, broker: Broker) -> None:
    await a_board(peers)
    mqtt = host.services.mqtt
    assert mqtt is not None
    async with reader(broker) as seen:
        await seen.until(f"posewire/{SLUG}/available", "online")
    broker.stop()
    await eventually(lambda: not mqtt.connected.is_set())
    broker.start()
    await asyncio.wait_for(mqtt.connected.wait(), 60)
    async with reader(broker) as seen:
        await seen.until(f"posewire/{SLUG}/available", "online")
        await seen.until(CONFIG)


async def test_the_host_says_when_it_goes(broker: Broker, seen: Reader) -> None:
    async with running(with_broker(broker)) as host:
        await seen.until("posewire/status", "online")
        peers = Peers(host.url)
        await a_board(peers)
        await seen.until(f"posewire/{SLUG}/available", "online")
        await peers.close()
    await seen.until("posewire/status", "offline")


async def test_a_device_that_went_while_the_host_was_down_is_offline(broker: Broker, seen: Reader) -> None:
    """The broker holds what the last process has said, also when that was killed."""
    await seen.client.publish(f"posewire/{SLUG}/available", "online", qos=1, retain=True)
    await seen.until(f"posewire/{SLUG}/available", "online")
    async with running(with_broker(broker)):
        await seen.until(f"posewire/{SLUG}/available", "offline")


async def test_a_host_works_without_its_broker(broker: Broker) -> None:
    broker.stop()
    async with running(with_broker(broker)) as host:
        peers = Peers(host.url)
        await (await a_board(peers)).echo()
        broker.start()
        assert host.services.mqtt is not None
        await asyncio.wait_for(host.services.mqtt.connected.wait(), 60)
        await peers.close()


async def test_a_wrong_password_is_said_and_tried_again(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    wrong = replace(settings(), mqtt=MqttSettings("127.0.0.1", broker.port, user=Broker.USER, password="wrong"))
    async with running(wrong):
        await eventually(lambda: "mqtt_lost" in caplog.text)


WRONG = [
    ("light", b"{"),
    ("light", b"[]"),
    ("light", b'{"state":"MAYBE"}'),
    ("light", b'{"state":"ON","color":{"r":256,"g":0,"b":0}}'),
    ("light", b'{"state":"ON","color":5}'),
    ("light", b'{"state":"ON","brightness":true}'),
    ("volume", b"loud"),
    ("volume", b"101"),
    ("volume", b"nan"),
    ("announce", b""),
    ("announce", b"x" * 5000),
    ("explode", b""),
    ("restart", b""),
]


async def test_commands_that_cannot_be_are_said_in_the_log_and_hurt_nobody(
    host: Host, peers: Peers, seen: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    """This board has no tools, so restarting it is refused as well."""
    peer = await a_board(peers)
    await seen.until(f"posewire/{SLUG}/available", "online")
    assert host.services.mqtt is not None
    for command, payload in WRONG:
        caplog.clear()
        await seen.client.publish(f"posewire/{SLUG}/{command}/set", payload, qos=1)
        await eventually(lambda: "mqtt_command" in caplog.text)
        await peer.echo()
        assert host.services.mqtt.connected.is_set(), (command, payload)


async def test_a_retained_command_is_not_obeyed(broker: Broker, seen: Reader, caplog: pytest.LogCaptureFixture) -> None:
    """It would be carried out at each start of the host."""
    await seen.client.publish(f"posewire/{SLUG}/restart/set", "PRESS", qos=1, retain=True)
    await seen.until(f"posewire/{SLUG}/restart/set")
    async with running(with_broker(broker)):
        await eventually(lambda: "mqtt_command" in caplog.text)
        (record,) = [record for record in caplog.records if record.getMessage() == "mqtt_command"]
        assert "must not be retained" in str(vars(record))


async def test_texts_are_told_only_where_it_is_wanted(broker: Broker, seen: Reader) -> None:
    async with running(with_voice(with_broker(broker, texts=True))) as host:
        peers = Peers(host.url)
        peer = await a_board(peers)
        await seen.until(f"posewire/{SLUG}/available", "online")
        await peer.send(type="listen", state="detect", text="what can you do")
        turn = await seen.until_json(f"posewire/{SLUG}/turn", event_type="answered")
        assert turn["heard"] == "what can you do"
        assert turn["said"]
        await peers.close()


def test_settings_of_the_broker(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    file = tmp_path / "posewire.toml"
    file.write_text(f'[mqtt]\nbroker = "broker.local"\npassword_file = "{tmp_path}/password"\n')
    assert load_settings(file).mqtt.password == "secret"
    assert "secret" not in repr(load_settings(file))
    for wrong in ("", "a+b", "a#", "/a", "$SYS", "a b"):
        with pytest.raises(ConfigError, match="prefix must"):
            MqttSettings(prefix=wrong)

"""Devices as Wyoming satellites of a host, with Home Assistant's own package on the other side."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import pytest_asyncio
from wyoming.asr import Transcript
from wyoming.audio import AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.ping import Ping
from wyoming.pipeline import PipelineStage
from wyoming.satellite import PauseSatellite, RunSatellite
from wyoming.timer import TimerFinished, TimerStarted
from wyoming.tts import Synthesize
from wyoming.vad import VoiceStarted, VoiceStopped

from posewire.errors import ConfigError
from posewire.server.host import Host
from posewire.server.satellites.settings import SatelliteSettings
from posewire.server.settings import load_settings
from posewire.server.state.settings import TurnSettings
from posewire.store.settings import StoreSettings
from posewire.voice.protocols.wyoming import Event as WyomingEvent
from posewire.voice.protocols.wyoming import encode_event
from posewire.voice.settings import VoiceSettings
from posewire.wire.frames import FrameType, build_frame
from support.hosts import running, settings
from support.peers import Peer, Peers
from support.servers.wyoming_side import HomeAssistant, home_assistant
from support.waiting import eventually

DEVICE = "aa:bb:cc:00:00:01"
AUDIO = {"format": "pcm", "sample_rate": 16000, "channels": 1, "frame_duration": 60}
FRAME = bytes(1920)


def satellites(voice: VoiceSettings | None = None, **fields: object) -> object:
    return replace(settings(), satellites=SatelliteSettings(enabled=True, port=0, **fields), voice=voice)


@pytest_asyncio.fixture
async def host() -> AsyncIterator[Host]:
    async with running(satellites()) as here:
        yield here


@pytest_asyncio.fixture
async def peers(host: Host) -> AsyncIterator[Peers]:
    made = Peers(host.url)
    yield made
    await made.close()


async def board(host: Host, peers: Peers, device: str = DEVICE, name: str = "sim") -> tuple[Peer, int]:
    """Connect a board; return it and its satellite's port."""
    peer = await peers.connect(device)
    await peer.hello(audio_params=AUDIO, device={"board": name})
    service = host.services.satellites
    assert service is not None
    await eventually(lambda: device in service.ports())
    return peer, service.ports()[device]


async def listening(peer: Peer, mode: str = "manual", frames: int = 3) -> None:
    await peer.send(type="listen", state="start", mode=mode)
    for _ in range(frames):
        await peer.socket.send(build_frame(FrameType.AUDIO, FRAME, 3))


@asynccontextmanager
async def taken(host: Host, peers: Peers, name: str = "sim") -> AsyncIterator[tuple[Peer, HomeAssistant]]:
    """A board whose turns Home Assistant has."""
    peer, port = await board(host, peers, name=name)
    async with home_assistant(port) as other:
        await other.run_satellite()
        yield peer, other


async def utterance(peer: Peer, other: HomeAssistant) -> None:
    """Say something, all of which Home Assistant has got."""
    await listening(peer)
    await peer.send(type="listen", state="stop")
    await other.until("audio-stop")


async def test_a_whole_turn(host: Host, peers: Peers) -> None:
    async with taken(host, peers) as (peer, other):
        await listening(peer)
        run = await other.until_run()
        assert (run.start_stage, run.end_stage, run.restart_on_end) == (PipelineStage.ASR, PipelineStage.TTS, False)
        await peer.send(type="listen", state="stop")
        await other.until("audio-stop")
        assert bytes(other.heard) == FRAME * 3
        await other.send(Transcript(text="turn on the light"))
        assert (await peer.receive("stt"))["text"] == "turn on the light"
        await other.send(Synthesize(text="It is on."))
        await peer.receive("tts", state="start")
        assert (await peer.receive("tts", state="sentence_start"))["text"] == "It is on."
        await other.say(0.3)
        sound = [await peer.receive_binary() for _ in range(5)]
        assert any(any(frame[20:]) for frame in sound)
        await other.until_played()
        await peer.receive("tts", state="stop")
        (turn,) = host.services.turns.of(DEVICE)
        assert (turn["heard"], turn["said"], turn["outcome"]) == ("turn on the light", ["It is on."], "answered")
        assert set(turn["stages"]) == {"asr", "llm", "tts", "total"}


async def test_the_sound_of_a_turn_is_kept_where_home_assistant_heard_words() -> None:
    """An open microphone hears the room all day: what had no words in it is nobody's turn."""
    async with running(replace(satellites(), turns=TurnSettings(sound=True))) as host:
        peers, turns = Peers(host.url), host.services.turns
        async with taken(host, peers) as (peer, other):
            await utterance(peer, other)
            await other.send(Error(text="No text recognized", code="stt-no-text-recognized"))
            await peer.receive("tts", state="stop")
            assert (turns.of(DEVICE)[-1]["sound"], turns.sounds.held_bytes) == ([], 0)
            await listening(peer)
            await peer.send(type="listen", state="stop")
            await other.until("audio-stop", 2)
            await other.send(Transcript(text="turn on the light"))
            await peer.receive("stt")
            await other.send(Synthesize(text="It is on."))
            await other.say(0.3)
            await other.until_played()
            turn = turns.of(DEVICE)[-1]
            assert turn["sound"] == ["heard", "said"]
            heard, said = (turns.sound(DEVICE, turn["id"], part) for part in turn["sound"])
            assert heard is not None
            assert said is not None
            assert b"".join(heard.frames) == FRAME * 3
            assert sum(map(len, said.frames)) >= 0.3 * 32000
        await peers.close()


async def test_what_the_satellite_says_of_itself(host: Host, peers: Peers) -> None:
    _, port = await board(host, peers)
    async with home_assistant(port) as other:
        told = await other.describe()
        assert (told.name, told.installed, told.supports_trigger) == (DEVICE, True, False)
        await host.services.identities.rename(DEVICE, "kitchen", "test")
        other.events.clear()
        assert (await other.describe()).name == "kitchen"
        await other.send(Ping(text="are you there"))
        assert (await other.until("pong")).data == {"text": "are you there"}


async def test_the_voice_detection_of_the_pipeline_ends_the_utterance(host: Host, peers: Peers) -> None:
    async with taken(host, peers) as (peer, other):
        await listening(peer, "auto")
        await other.until_heard(0.18)
        await other.send(VoiceStarted(timestamp=10))
        await other.send(VoiceStopped(timestamp=180))
        await other.send(Transcript(text="what time is it"))
        await peer.receive("stt")
        await listening(peer, "auto", frames=0)
        await other.until_run(2)
        assert len(other.heard) == 3 * len(FRAME)


async def test_nothing_heard_ends_the_turn_without_a_word(host: Host, peers: Peers) -> None:
    async with taken(host, peers) as (peer, other):
        await listening(peer, "auto")
        await other.until_run()
        await other.send(Error(text="No text recognized", code="stt-no-text-recognized"))
        await peer.receive("tts", state="start")
        assert (await peer.receive("tts"))["state"] == "stop"
        assert host.services.turns.of(DEVICE)[-1]["outcome"] == "nothing heard"


async def test_a_stock_device_that_nobody_speaks_to_is_let_go(host: Host, peers: Peers) -> None:
    """It would listen again after each reply, and run one pipeline after the other."""
    await host.services.identities.issue("radio", "device", ["voice"], 1)
    host.services.identities.known = lambda: [DEVICE]  # type: ignore[method-assign]
    host.services.satellites._known = lambda: [DEVICE]  # type: ignore[union-attr]
    async with taken(host, peers, name="") as (peer, other):
        await listening(peer, "auto")
        await other.until_run()
        await other.send(Error(text="No text recognized", code="stt-no-text-recognized"))
        await peer.socket.wait_closed()
        assert peer.socket.close_code == 1000


async def test_an_error_is_said(host: Host, peers: Peers) -> None:
    async with taken(host, peers) as (peer, other):
        await utterance(peer, other)
        await other.send(Error(text="the speech-to-text engine is not ready", code="stt-stream-failed"))
        assert "not ready" in (await peer.receive("tts", state="sentence_start"))["text"]
        await peer.receive("tts", state="stop")


async def test_home_assistant_goes_away_in_the_middle(host: Host, peers: Peers) -> None:
    async with taken(host, peers) as (peer, other):
        await listening(peer)
        await other.until_run()
    assert "gone" in (await peer.receive("tts", state="sentence_start"))["text"]
    await peer.receive("tts", state="stop")
    await peer.send(type="listen", state="start", mode="manual")
    assert (await peer.receive("error"))["code"] == "not_available"


async def test_a_pause_gives_the_turns_back(host: Host, peers: Peers) -> None:
    peer, port = await board(host, peers)
    service = host.services.satellites
    assert service is not None
    async with home_assistant(port) as other:
        await other.run_satellite()
        assert service.taken(DEVICE)
        await other.send(PauseSatellite())
        await eventually(lambda: not service.taken(DEVICE))
        await peer.send(type="listen", state="start", mode="manual")
        assert (await peer.receive("error"))["code"] == "not_available"
        await other.send(RunSatellite())
        await eventually(lambda: service.taken(DEVICE))
        await listening(peer)
        await other.until_run()


async def test_an_announcement_of_home_assistant_is_played(host: Host, peers: Peers) -> None:
    async with taken(host, peers) as (peer, other):
        await utterance(peer, other)
        await other.send(Error(text="No text recognized", code="stt-no-text-recognized"))
        await peer.receive("tts", state="stop")
        await other.say(0.2, channels=2)
        await peer.receive("tts", state="start")
        await peer.receive_binary()
        await other.until_played()
        await peer.receive("tts", state="stop")
        # A turn took its time before: this one has none.
        assert host.services.turns.of(DEVICE)[-1]["stages"] == {}


async def test_a_long_reply_is_taken_as_fast_as_it_is_heard_and_the_connection_stays_alive(
    host: Host, peers: Peers
) -> None:
    """Home Assistant sends all at once, and gives up who sends nothing for 5 s."""
    async with taken(host, peers) as (peer, other):
        saying = asyncio.create_task(other.say(60))
        await peer.receive("tts", state="start")
        await peer.receive_binary()
        await peer.send(type="abort")
        await peer.receive("tts", state="stop")
        await saying  # what is left of it is taken, and not played
        await other.describe()
        assert not [event for event in other.events if event.type == "played"]
        await listening(peer)
        await other.until_run()


async def test_the_answer_to_an_interrupted_turn_is_not_the_next_one_s(host: Host, peers: Peers) -> None:
    async with taken(host, peers) as (peer, other):
        await utterance(peer, other)
        await peer.send(type="abort")
        await peer.receive("tts", state="stop")
        await listening(peer)
        await other.until_run(2)
        await other.send(Transcript(text="the first"))
        await other.send(Synthesize(text="The first."))
        await other.say(0.1)
        other.events.clear()
        await other.describe()
        await peer.send(type="listen", state="stop")
        await other.until("audio-stop")
        await other.send(Transcript(text="the second"))
        assert (await peer.receive("stt"))["text"] == "the second"


async def test_a_wake_word_is_told(host: Host, peers: Peers) -> None:
    host.services.satellites._known = lambda: [DEVICE]  # type: ignore[union-attr]
    async with taken(host, peers, name="") as (peer, other):
        await peer.send(type="listen", state="detect", text="hi jason")
        await listening(peer, "auto")
        assert (await other.until("detection")).data["name"] == "hi jason"
        assert (await other.until_run()).wake_word_name == "hi jason"


async def test_a_timer_rings(host: Host, peers: Peers) -> None:
    async with taken(host, peers) as (peer, other):
        await other.send(TimerStarted(id="1", total_seconds=60, name="pizza"))
        await other.send(TimerFinished(id="1"))
        assert (await peer.receive("tts", state="sentence_start"))["text"] == "Timer pizza"
        await peer.receive_binary()
        await peer.receive("tts", state="stop")


async def test_the_newest_pipeline_has_the_board(host: Host, peers: Peers) -> None:
    peer, port = await board(host, peers)
    async with home_assistant(port) as older, home_assistant(port) as newer:
        await older.run_satellite()
        await newer.run_satellite()
        await older.gone.wait()
        await listening(peer)
        await newer.until_run()
        assert not older.heard


async def test_a_board_that_is_away(host: Host, peers: Peers) -> None:
    """Its port stays, and so does who waits for it there."""
    async with taken(host, peers) as (peer, other):
        port = host.services.satellites.ports()[DEVICE]  # type: ignore[union-attr]
        await peer.socket.close()
        await eventually(lambda: host.services.registry.device(DEVICE) is None)
        await other.say(0.1)
        assert (await other.until("error")).data["code"] == "not-connected"
        peer, again = await board(host, peers)
        assert again == port
        await eventually(lambda: host.services.satellites._satellites[DEVICE]._turns is not None)  # type: ignore[union-attr]
        await listening(peer)
        await other.until_run()


async def test_programs_and_strangers_are_no_satellites(host: Host, peers: Peers) -> None:
    service = host.services.satellites
    assert service is not None
    for device in ("viewer", ""):
        peer = await peers.connect(device)
        await peer.hello(audio_params=AUDIO)
    await peer.echo()
    assert service.ports() == {}


async def test_a_revoked_device_loses_its_port() -> None:
    async with running(satellites()) as host:
        peers = Peers(host.url)
        _, port = await board(host, peers)
        async with home_assistant(port) as other:
            await host.services.satellites.forget(DEVICE)  # type: ignore[union-attr]
            await other.gone.wait()
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", port)
        await peers.close()


async def test_a_device_keeps_its_port_over_a_restart(tmp_path: object) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        first = min(free.getsockname()[1], 60000)
    wanted = replace(
        settings(),
        satellites=SatelliteSettings(enabled=True, port=first),
        store=StoreSettings(path=f"{tmp_path}/store.db"),
    )
    async with running(wanted) as host:
        peers = Peers(host.url)
        _, one = await board(host, peers, "one")
        _, two = await board(host, peers, "two")
        await eventually(lambda: host.services.store.run_now(_ports) == [one, two])
        await peers.close()
    assert one != two
    async with running(wanted) as host:
        assert host.services.satellites.ports() == {"one": one, "two": two}  # type: ignore[union-attr]
        async with home_assistant(two) as other:
            assert (await other.describe()).name == "two"


def _ports(connection: object) -> list[int]:
    return [row[0] for row in connection.execute("SELECT port FROM satellites ORDER BY device")]  # type: ignore[attr-defined]


async def test_the_own_voice_says_announcements_and_answers_typed_texts() -> None:
    voice = VoiceSettings(tts="none")
    async with running(satellites(voice)) as host:
        peers = Peers(host.url)
        peer, port = await board(host, peers)
        async with home_assistant(port) as other:
            await other.run_satellite()
            await peer.send(type="listen", state="detect", text="what can you do")
            await peer.receive("stt")
            await peer.receive("tts", state="stop")
            await listening(peer)
            await other.until_run()
            await peer.send(type="listen", state="stop")
            await other.until("audio-stop")
            await other.send(Transcript(text="hello"))
            await peer.receive("stt", text="hello")
        await peer.receive("tts", state="stop")
        # Without Home Assistant the own pipeline answers.
        await peer.send(type="listen", state="start", mode="manual")
        await peer.send(type="listen", state="stop")
        await peer.receive("tts", state="stop")
        await peers.close()


def test_each_event_has_data() -> None:
    """Home Assistant's package, before 1.6, falls over a ping without."""
    assert json.loads(encode_event(WyomingEvent("ping")).partition(b"\n")[0])["data"] == {}


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\n",
        b'{"type": 5}\n',
        b"[" * 20000,
        b'{"type": "audio-chunk", "payload_length": 99999999999}\n',
        b'{"type": "audio-chunk", "data_length": -1}\n',
        b'{"type": "describe", "data": []}\n',
        b"x" * 70000,
    ],
)
async def test_garbage_ends_its_connection_only(host: Host, peers: Peers, garbage: bytes) -> None:
    _, port = await board(host, peers)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(garbage)
    async with asyncio.timeout(30):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()
    async with home_assistant(port) as other:
        assert (await other.describe()).name == DEVICE


@pytest.mark.parametrize(
    "event",
    [
        Event("audio-start", {"rate": 1, "width": 2, "channels": 1}),
        Event("audio-start", {"rate": "fast"}),
        Event("audio-start"),
        Event("audio-chunk", {}, b"odd"),
        Event("audio-stop"),
        Event("transcript"),
        Event("transcript", {"text": 5}),
        Event("synthesize", {"text": None}),
        Event("error"),
        Event("timer-finished"),
        Event("voice-stopped"),
        Event("something-new", {"a": 1}, b"x"),
    ],
)
async def test_odd_events_hurt_nobody(host: Host, peers: Peers, event: Event) -> None:
    async with taken(host, peers) as (peer, other):
        await other.client.write_event(event)
        await other.send(AudioStop())
        other.events.clear()
        await other.describe()
        await listening(peer)
        await other.until_run()


async def test_a_crowd_at_one_satellite_is_refused(host: Host, peers: Peers) -> None:
    _, port = await board(host, peers)
    async with contextlib.AsyncExitStack() as crowd:
        for _ in range(4):
            other = await crowd.enter_async_context(home_assistant(port))
            await other.describe()
        fifth = await crowd.enter_async_context(home_assistant(port))
        await fifth.gone.wait()


def test_off_loopback_it_must_be_said_who_may_connect(tmp_path: object) -> None:
    with pytest.raises(ConfigError, match="allow"):
        SatelliteSettings(address="0.0.0.0")
    with pytest.raises(ConfigError, match="allow must hold"):
        SatelliteSettings(allow=("home.local",))
    admitted = SatelliteSettings(address="0.0.0.0", allow=("192.168.1.5", "10.0.0.0/8", "fd00::/8"))
    assert [admitted.admits(address) for address in ("192.168.1.5", "::ffff:10.1.2.3", "fd00::1", "fd00::1%eth0")] == [
        True
    ] * 4
    assert not any(admitted.admits(address) for address in ("192.168.1.6", "127.0.0.1", "", "::1"))
    assert SatelliteSettings().admits("127.0.0.1")
    assert not SatelliteSettings().admits("192.168.1.5")


def test_a_stock_server_and_home_assistant_exclude_each_other(tmp_path: object) -> None:
    file = tmp_path / "posewire.toml"  # type: ignore[operator]
    file.write_text('[satellites]\nenabled = true\n[upstream]\nurl = "ws://127.0.0.1:1/"\n')
    with pytest.raises(ConfigError, match="exclude each other"):
        load_settings(file)

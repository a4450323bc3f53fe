"""The JavaScript client in Chromium, against a host and the Python client."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Page

import posewire
from browser.conftest import Watched
from client.conftest import Link
from docs.pages import block
from posewire.client.connection import HostConnection
from posewire.client.room.room import Room
from posewire.errors import WireError
from posewire.server.host import Host
from posewire.wire.audio import frame_decoder, frame_encoder
from posewire.wire.messages import AudioParams
from posewire.wire.opus import opus_available
from support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOAD = """async () => {
  Object.assign(window, await import("/posewire/v1/client/posewire.js"));
  window.until = async (condition) => {
    const end = performance.now() + 30000;
    while (!condition()) {
      if (performance.now() > end) throw new Error("it has not come to that: " + condition);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
}"""


async def load(page: Page, url: str) -> None:
    """Open a page of the host that does nothing by itself, and bring the client into it."""
    await page.goto(url.replace("ws://", "http://").replace("/posewire/v1/", "/healthz"))
    await page.evaluate(LOAD)


@pytest_asyncio.fixture(loop_scope="module")
async def page(watched: Watched, link: Link) -> Page:
    await load(watched.page, link.url)
    return watched.page


@pytest_asyncio.fixture(loop_scope="module")
async def stage(host: Host) -> AsyncIterator[HostConnection]:
    """A program in the same host."""
    async with posewire.connect(host.url, device="stage") as connection:
        yield connection


async def join(page: Page, **options: Any) -> None:
    script = "async (options) => { window.host = await connect(); window.room = await host.join('studio', options); }"
    await page.evaluate(script, options)


def body(number: int) -> np.ndarray[Any, Any]:
    return np.full((33, 4), 0.25 + number / 64, np.float32)


async def test_a_page_sees_poses_as_they_were_sent(page: Page, stage: HostConnection) -> None:
    room = await stage.join("studio", publish=["pose"])
    sender = room.sender(fps=1000)
    await join(page)
    loop = asyncio.create_task(
        page.evaluate(
            """async () => {
          const seen = [];
          for await (const pose of room.poses()) {
            seen.push([pose.device, pose.values.body33[0], pose.values.body33.length, pose.packetBytes > 8]);
            if (seen.length === 8) return seen;
          }
        }"""
        )
    )
    number = 0
    while not loop.done():
        sender.send(body=body(number % 32))
        number += 1
        await asyncio.wait([loop], timeout=0.02)
    seen = loop.result()
    assert [pose[0] for pose in seen] == ["stage"] * 8
    assert all(abs(value * 64 - round(value * 64)) < 0.1 for _, value, _, _ in seen)
    assert len({round(value * 64) for _, value, _, _ in seen}) == 8
    assert all(size == 132 and packet for _, _, size, packet in seen)
    counts = await page.evaluate("room.counts()")
    assert counts[0]["device"] == "stage"
    assert counts[0]["sets"] == ["body33"]
    assert counts[0]["undecodable"] == 0
    latest = await page.evaluate("[room.latest('stage').values.body33[0], room.latest('nobody')]")
    assert latest[1] is None


async def test_a_page_publishes_what_it_sees(page: Page, stage: HostConnection) -> None:
    room = await stage.join("studio")
    await join(page, publish=["pose"], subscribe=[])
    await page.evaluate(
        """() => {
          const sender = room.sender({ fps: 60 });
          const mark = (x) => ({ x, y: 0.5, z: -0.25, visibility: 1 });
          const landmarks = Array.from({ length: 33 }, (_, i) => mark(i / 64));
          window.sending = setInterval(() => sender.send({ landmarks: [landmarks], worldLandmarks: [] }), 20);
          window.sender = sender;
        }"""
    )
    async with asyncio.timeout(30):
        async for pose in room.poses():
            np.testing.assert_allclose(pose.values["body33"][:, 0], np.arange(33) / 64, atol=1e-3)
            np.testing.assert_allclose(pose.values["body33"][:, 2], -0.25, atol=1e-3)
            assert pose.device.startswith("browser-")
            break
    # Who joins late asks for a key, and the page's encoder gets the request.
    again = await stage.join("studio")
    async with asyncio.timeout(30):
        async for _ in again.poses():
            break
    counts = await page.evaluate("() => { clearInterval(sending); return sender.statistics(); }")
    assert counts["sent"] > 0
    with pytest.raises(Exception, match="body33 has 33 landmarks, not 2"):
        await page.evaluate("sender.send({body: [{x: 1, y: 1}, {x: 1, y: 1}]})")


async def test_messages_go_both_ways(page: Page, stage: HostConnection) -> None:
    room = await stage.join("studio")
    await join(page)
    await page.evaluate(
        """() => {
          window.got = [];
          room.on("message", ({ device, data }) => got.push([device, data instanceof Uint8Array ? [...data] : data]));
        }"""
    )
    assert await room.send({"scene": 4}) == 1
    assert await room.send(b"\x00\xff") == 1
    await page.evaluate("until(() => got.length === 2)")
    assert await page.evaluate("got") == [["stage", {"scene": 4}], ["stage", [0, 255]]]
    assert await page.evaluate("room.send({beat: 7}, {to: 'stage'})") == 1
    assert await page.evaluate("room.send(Uint8Array.of(1, 2, 255))") == 1
    said = []
    async with asyncio.timeout(30):
        async for message in room.messages():
            said.append(message.data)
            if len(said) == 2:
                break
    assert said == [{"beat": 7}, b"\x01\x02\xff"]
    refused = "room.send('x'.repeat(17000)).catch((error) => [error.code, error instanceof WireError])"
    assert await page.evaluate(refused) == ["too_many", True]
    assert await page.evaluate("room.send(1, {to: 77}).catch((error) => error instanceof WireError)") is True


async def test_what_cannot_be_is_said_before_it_is_tried(page: Page, stage: HostConnection) -> None:
    await stage.join("led")
    found = await page.evaluate(
        """async () => {
          const said = async (work) => {
            try { return String(await work()); } catch (error) { return error.name; }
          };
          const names = [];
          for (const options of [{ heartbeatMs: 0 }, { silenceMs: -1 }, { timeoutMs: 0 }, { reconnect: 5 }])
            names.push(await said(() => connect(undefined, options)));
          const host = await connect();
          const room = await host.join("other", { publish: ["pose"], subscribe: [] });
          for (const options of [
            { fps: 0 }, { qos: "best" }, { maxKbitS: 0 }, { stream: 256 }, { coarse: 8 }, { layers: 3 },
            { layers: 2, qos: "reliable" },
          ])
            names.push(await said(() => room.sender(options)));
          const sender = room.sender();
          names.push(await said(() => room.sender({ stream: sender.stream })));
          for (const pose of [undefined, 5, new Float32Array(132)]) names.push(await said(() => sender.send(pose)));
          names.push(await said(() => sender.send({ body: null }, NaN)));
          names.push(await said(() => room.send("half a character: \\ud800")));
          names.push(await said(() => room.kick("nobody")));
          await host.close();
          names.push(await said(() => host.open()));
          return names;
        }"""
    )
    assert found == [
        *["RangeError"] * 3, "TypeError", *["RangeError"] * 8, *["Error"] * 4, "WireError", "WireError",
        "NotConnectedError",
    ]  # fmt: skip


async def test_an_owner_names_members_by_their_devices(page: Page, stage: HostConnection) -> None:
    await page.evaluate(
        """async () => {
          window.host = await connect();
          window.room = await host.join("led-by-page");
        }"""
    )
    room = await stage.join("led-by-page")
    await page.evaluate("until(() => room.memberIdOf('stage') !== null)")
    await page.evaluate("room.passOn('stage')")
    await eventually(lambda: room.role == "owner")
    await room.pass_on(1)
    await page.evaluate("until(() => room.role === 'owner')")
    await page.evaluate("room.kick('stage', 'too loud')")
    await eventually(lambda: room.closed == "kicked: too loud")


async def test_who_joins_two_rooms_at_once_is_in_the_last(page: Page) -> None:
    closed = await page.evaluate(
        """async () => {
          window.host = await connect();
          const rooms = await Promise.all(["one", "two", "three"].map((name) => host.join(name)));
          return [...rooms.map((room) => room.closed), host.room === rooms[2]];
        }"""
    )
    assert closed == ["this page has joined another room"] * 2 + [None, True]


async def test_a_shared_state_follows_both_sides(page: Page, stage: HostConnection) -> None:
    room = await stage.join("studio")
    state = await room.shared_state()
    await join(page)
    await page.evaluate(
        """async () => {
          window.state = await room.sharedState();
          await state.update({scene: 4, light: {hue: 20, on: true}});
        }"""
    )
    await eventually(lambda: state.get("scene") == 4)
    await state.update({"light": {"hue": 30, "on": None}, "scene": 5})
    await page.evaluate("until(() => state.value.scene === 5)")
    assert await page.evaluate("state.value") == {"scene": 5, "light": {"hue": 30}}
    assert (
        await page.evaluate("state.update({ picture: 'x'.repeat(100000) }).catch((error) => error.code)") == "too_many"
    )
    await page.evaluate("until(() => host.connected)")
    # Both change it at once, again and again: nothing is lost.
    await asyncio.gather(
        page.evaluate("(async () => { for (let i = 0; i < 20; i++) await state.update({page: i}); })()"),
        *[state.update({"program": number}) for number in range(1)],
    )
    await eventually(lambda: state.get("page") == 19)
    assert state["program"] == 0


async def test_audio_goes_both_ways(page: Page, host: Host) -> None:
    adpcm = AudioParams("ima-adpcm")
    async with posewire.connect(host.url, device="stage", audio=adpcm) as stage:
        room = await stage.join("studio", publish=["audio"], subscribe=["audio"])
        await join(page, publish=["audio"], subscribe=["audio"])
        await page.evaluate(
            """() => room.on("audio", ({ memberId, payload }) => {
              window.heard = Array.from(frameDecoder(room.members.get(memberId).audio)(payload));
            })"""
        )
        tone = (8000 * np.sin(np.arange(960) / 5)).astype(np.int16)
        await room.publish_audio(frame_encoder(adpcm).encode(tone))
        await page.evaluate("until(() => window.heard)")
        heard = np.array(await page.evaluate("heard"))
        assert np.abs(heard - tone).mean() < 400
        arrived: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        room.on("audio", lambda frame: arrived.done() or arrived.set_result(frame))
        await page.evaluate(
            "room.audioSender().send(Float32Array.from({length: 4800}, (_, i) => Math.sin(i / 15) / 4), 48000)"
        )
        frame = await asyncio.wait_for(arrived, 10)
        samples = frame_decoder(AudioParams("pcm")).decode(frame.payload)
        assert len(samples) == 960
        assert 7000 < np.abs(samples).max() < 9000


async def test_opus_goes_both_ways(page: Page, host: Host) -> None:
    """Encoded and decoded by the browser on one side, by libopus on the other."""
    if not opus_available():
        pytest.skip("libopus is not installed")
    opus = AudioParams("opus")
    tone = (8000 * np.sin(np.arange(960) / 5)).astype(np.int16)
    async with posewire.connect(host.url, device="stage", audio=opus) as stage:
        room = await stage.join("studio", publish=["audio"], subscribe=["audio"])
        assert await page.evaluate("opusWorks()") is True
        await page.evaluate(
            """async () => {
              window.host = await connect(undefined, { audio: OPUS });
              window.room = await host.join("studio", { publish: ["audio"], subscribe: ["audio"] });
              window.heard = [];
              let decoder = null;
              room.on("audio", ({ memberId, payload }) => {
                decoder ??= audioDecoder(room.members.get(memberId).audio, (samples, rate) => {
                  const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
                  heard.push([rate, samples.length, Math.sqrt(power)]);
                });
                decoder.decode(payload);
              });
            }"""
        )
        encoder = frame_encoder(opus)
        for _ in range(8):
            await room.publish_audio(encoder.encode(tone))
        await page.evaluate("until(() => heard.length >= 6)")
        rate, count, power = (await page.evaluate("heard"))[5]
        assert count / rate == pytest.approx(0.06)
        assert power == pytest.approx(8000 / 2**0.5, rel=0.15)
        frames: list[bytes] = []
        room.on("audio", lambda frame: frames.append(frame.payload))
        await page.evaluate(
            """() => {
              const sender = room.audioSender();
              for (let n = 0; n < 10; n++)
                sender.send(Float32Array.from({ length: 960 }, (_, i) => Math.sin((960 * n + i) / 5) / 4), 16000);
            }"""
        )
        await eventually(lambda: len(frames) >= 8)
        decoder = frame_decoder(opus)
        samples = [decoder.decode(frame) for frame in frames]
        assert max(map(len, frames)) < 400
        assert np.sqrt(np.mean(np.square(samples[6].astype(float)))) == pytest.approx(8192 / 2**0.5, rel=0.15)


async def test_a_page_hears_its_microphone(page: Page) -> None:
    """Chromium's stand-in beeps once a second."""
    await join(page, publish=["audio"], subscribe=["audio"], echo=True)
    loudest = await page.evaluate(
        """async () => {
          let loudest = 0, frames = 0;
          const sender = room.audioSender();
          const speaker = new Speaker();
          await speaker.open();
          room.on("audio", ({ payload }) => {
            frames++;
            const samples = frameDecoder(host.audio)(payload);
            speaker.play(samples, host.audio.sample_rate);
            loudest = samples.reduce((most, x) => Math.max(most, Math.abs(x)), loudest);
          });
          const microphone = await openMicrophone((samples, rate) => sender.send(samples, rate));
          await until(() => frames > 3 && loudest > 1000);
          microphone.stop();
          await speaker.close();
          return loudest;
        }"""
    )
    assert loudest > 1000


async def test_a_lost_connection_comes_back_with_its_place(page: Page, link: Link, stage: HostConnection) -> None:
    room = await stage.join("studio", publish=["pose"])
    sender = room.sender(fps=200)
    await join(page)
    place = await page.evaluate("[room.memberId, host.sessionId]")
    await page.evaluate(
        """() => {
          window.got = [];
          window.events = [];
          room.on('message', (m) => got.push(m.data));
          host.on('changed', (old, now) => events.push(now));
          host.on('connected', (resumed) => events.push(resumed));
        }"""
    )
    await link.cut()
    await page.evaluate("until(() => host.state === 'reconnecting')")
    await room.send("said while you were away")
    sending = page.evaluate("room.send('said while I was away')")
    await link.mend()
    assert await sending == 1
    await page.evaluate("until(() => got.length)")
    assert await page.evaluate("got") == ["said while you were away"]
    assert await page.evaluate("[room.memberId, host.sessionId]") == place
    assert await page.evaluate("events") == ["reconnecting", "connected", True]
    await page.evaluate("() => { window.poses = 0; room.on('pose', () => poses++); }")
    arrived = asyncio.create_task(page.evaluate("until(() => poses > 2)"))
    while not arrived.done():
        sender.send(body=body(0))
        await asyncio.wait([arrived], timeout=0.02)
    arrived.result()


async def test_a_silent_network_is_given_up(page: Page, link: Link) -> None:
    await page.evaluate(
        """async () => {
          window.host = await connect(undefined, {heartbeatMs: 100, silenceMs: 400});
          await host.join('studio');
        }"""
    )
    await link.change(stall=True)
    await page.evaluate("until(() => host.state === 'reconnecting')")
    await link.mend()
    await page.evaluate("until(() => host.connected)")


async def test_the_rules_of_a_room_reach_the_page(page: Page, stage: HostConnection) -> None:
    await join(page)
    assert await page.evaluate("[room.role, room.locked, [...room.members.values()].length]") == ["owner", False, 1]
    await page.evaluate("room.lock()")
    with pytest.raises(WireError) as refused:
        await stage.join("studio")
    assert refused.value.code == "room_locked"
    await page.evaluate("room.lock(false)")
    other: Room = await stage.join("studio")
    await page.evaluate("until(() => room.members.size === 2)")
    (listed,) = await page.evaluate("host.listRooms()")
    assert (listed["room"], listed["members"], listed["locked"]) == ("studio", 2, False)
    await page.evaluate("room.passOn(room.memberIdOf('stage'))")
    await page.evaluate("until(() => room.role === 'member')")
    assert await page.evaluate("room.kick(room.memberIdOf('stage')).catch((error) => error.code)") == "not_owner"
    await page.evaluate(
        "() => { window.loop = (async () => { for await (const pose of room.poses()); return room.closed; })(); }"
    )
    await other.kick(await page.evaluate("room.memberId"), "enough")
    assert await page.evaluate("loop") == "kicked: enough"
    assert await page.evaluate("host.join('studio').catch((error) => error.code)") == "room_denied"


async def test_who_is_no_host_is_told_from_one_that_refuses(page: Page, watched: Watched) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    say = "(error) => [error.name, error.code]"
    found = await page.evaluate(f"connect('ws://127.0.0.1:{port}/posewire/v1/', {{timeoutMs: 2000}}).catch({say})")
    watched.errors.clear()
    assert found == ["HostUnreachableError", "not_available"]
    await page.evaluate(
        """async () => {
          window.host = await connect(undefined, {device: 'one'});
          window.other = await connect(undefined, {device: 'one'});
        }"""
    )
    await page.evaluate("until(() => host.state === 'closed')")
    assert "another page" in await page.evaluate("host.closeReason")
    await page.evaluate("other.close()")


@pytest.mark.parametrize("number", range(3))
async def test_what_the_documentation_shows_runs(page: Page, stage: HostConnection, number: int) -> None:
    script = block("docs/web-client.md", "html", number).removeprefix('<script type="module">').strip()
    room = await stage.join("studio", publish=["pose"], subscribe=["audio"])
    sender = room.sender()
    heard = asyncio.Event()
    room.on("audio", lambda frame: heard.set())
    await page.evaluate(
        """(source) => {
          document.body.innerHTML = "<button>listen</button>";
          const script = document.createElement("script");
          script.type = "module";
          script.textContent = source;
          document.body.append(script);
        }""",
        script.removesuffix("</script>"),
    )
    await eventually(lambda: len(room.members) == 2)
    sender.send(body=body(1))
    if number == 2:
        state = await room.shared_state()
        await eventually(lambda: state.get("light") == {"hue": 20})
        await page.click("button")
        async with asyncio.timeout(30):
            await heard.wait()

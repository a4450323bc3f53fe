"""Rooms of the JavaScript client in Chromium, against a host and the Python client."""

import asyncio

import numpy as np
import pytest
from playwright.async_api import Page

from browser.web_client.conftest import body, join
from posewire.client.connection import HostConnection
from posewire.client.room.room import Room
from posewire.errors import WireError
from posewire.wire.pose import PoseEncoder
from support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
            try { return String(await work()); } catch (error) { return `${error.name} ${error.code}`; }
          };
          const names = [];
          for (const options of [
            { heartbeatMs: 0 }, { silenceMs: -1 }, { timeoutMs: 0 }, { reconnect: 5 }, { webrtc: { share: 2 } },
          ])
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
    config, pose = "ConfigError bad_config", "PoseError bad_pose"
    assert found == [
        *[config] * 13, *[pose] * 4, "WireError bad_message", config, "NotConnectedError not_connected",
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


async def test_a_refused_frame_is_not_taken_for_an_answer(page: Page) -> None:
    packet = PoseEncoder("coco17").encode(np.full((17, 3), 0.5, np.float32), 0)
    found = await page.evaluate(
        """async (packet) => {
          const host = await connect();
          const room = await host.join("studio", { publish: [] });
          const refused = new Promise((resolve) => host.on("error", resolve));
          host.sendFrame(16, Uint8Array.from(packet));
          await room.lock();
          return [room.locked, (await refused).code];
        }""",
        list(packet),
    )
    assert found == [True, "room_denied"]


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


async def test_who_forgot_to_say_what_it_publishes_is_told(page: Page) -> None:
    """Nobody waits for the answer to a pose: without a handler the console has it, once."""
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    await page.evaluate(
        """async () => {
          window.host = await connect();
          window.sender = (await host.join("studio")).sender({ fps: 1000 });
          window.pose = (n) => sender.send({ body: new Float32Array(132).fill(n / 4) });
          pose(0);
        }"""
    )
    await eventually(lambda: bool(said))
    await page.evaluate(
        """async () => {
          const refused = new Promise((resolve) => host.on("error", resolve));
          pose(1);
          await refused;
          await host.join("nowhere", { create: false }).catch(() => {}); // who asks is told: not the console
          await host.close();
        }"""
    )
    (told,) = said
    assert told.startswith("warning: the host refuses what this page has sent (room_denied): ")
    assert "publish" in told

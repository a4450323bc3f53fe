"""The last words that a page's microphone heard: they reach the host before it is told that there are no more."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Page

import posewire
from browser.conftest import Watched
from posewire.server.host import Host
from posewire.sound.pcm import Pcm
from posewire.wire.audio import frame_decoder
from posewire.wire.messages import AudioParams
from posewire.wire.opus import opus_available
from support.hosts import http_url

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORMATS = ["pcm", pytest.param("opus", marks=pytest.mark.skipif(not opus_available(), reason="no libopus"))]


@pytest_asyncio.fixture(loop_scope="module")
async def page(watched: Watched, host: Host) -> AsyncIterator[Page]:
    """A page with the client in it, and a microphone that hears a tone."""
    await watched.page.goto(http_url(host, "/healthz"))
    await watched.page.evaluate(
        """async () => {
          Object.assign(window, await import("/posewire/v1/client/posewire.js"));
          const context = new AudioContext();
          const [tone, there] = [context.createOscillator(), context.createMediaStreamDestination()];
          tone.connect(there);
          tone.start();
          navigator.mediaDevices.getUserMedia = async () => there.stream.clone();
        }"""
    )
    yield watched.page
    await watched.page.goto("about:blank")


def loudness(sound: Pcm) -> float:
    return float(np.sqrt(np.mean(np.square(sound.astype(np.float64)))))


@pytest.mark.parametrize("audio", FORMATS)
async def test_what_does_not_fill_a_frame_is_sent_as_well(page: Page, host: Host, audio: str) -> None:
    """A second and a bit of silence with a tone in its last 50 ms: the tone arrives."""
    heard: list[bytes] = []
    async with posewire.connect(host.url, device=f"stage {audio}") as stage:
        room = await stage.join(f"stage {audio}", subscribe=["audio"])
        room.on("audio", lambda frame: heard.append(bytes(frame.payload)))
        sent = await page.evaluate(
            """async ([format, name]) => {
              const host = await connect(undefined, { audio: { ...PCM, format } });
              const room = await host.join(name, { publish: ["audio"] });
              const sender = room.audioSender();
              const all = new Float32Array(48000 * 1.11);
              const tone = all.length - 2400;
              for (let i = tone; i < all.length; i++) all[i] = 0.5 * Math.sin(i / 10);
              for (let at = 0; at < all.length; at += 1024) sender.send(all.subarray(at, at + 1024), 48000);
              await sender.flush();
              await sender.flush(); // there is nothing more
              return sender.sent;
            }""",
            [audio, room.name],
        )
        async with asyncio.timeout(30):
            while len(heard) < sent:
                await asyncio.sleep(0.01)
    decoder = frame_decoder(AudioParams(audio, 16000, 1, 60))
    sound = np.concatenate([decoder.decode(frame) for frame in heard])
    # 1.11 s are 18.5 frames; an Opus encoder may give one more, for it is late itself.
    assert sent == 19 or (audio == "opus" and sent == 20)
    assert loudness(sound[: 16000 - 960]) < 100
    loud = np.flatnonzero(np.abs(sound) > 5000)
    assert loud[-1] - loud[0] > 0.045 * 16000


@pytest.mark.parametrize("audio", FORMATS)
async def test_the_host_is_told_of_the_end_after_the_last_words(page: Page, audio: str) -> None:
    said: dict[str, Any] = await page.evaluate(
        """async (format) => {
          const host = await connect(undefined, { audio: { ...PCM, format } });
          const voice = new Voice(host);
          const log = [];
          const after = (object, name, note) => {
            const before = object[name].bind(object);
            object[name] = (...given) => (note(...given), before(...given));
          };
          after(host, "send", ({ type, state }) => type === "listen" && log.push(state));
          after(host, "sendFrame", () => log.push("frame"));
          let heard = 0;
          const enough = new Promise((resolve) => {
            after(voice.sender, "send", (samples, rate) => (heard += samples.length / rate) > 0.5 && resolve());
          });
          await voice.start("manual");
          await enough;
          const before = heard;
          const ended = voice.stopListening();
          const listening = voice.listening;
          await ended;
          const first = { log: [...log], before, heard, listening };
          // It can be had again, and given back while somebody speaks.
          log.length = 0;
          await voice.start("manual");
          await voice.close();
          return { first, second: log };
        }""",
        audio,
    )
    first = said["first"]
    assert (first["log"][0], first["log"][-1], first["listening"]) == ("start", "stop", False)
    frames = first["log"].count("frame")
    assert len(first["log"]) == frames + 2
    assert first["before"] <= first["heard"] <= 0.06 * frames
    assert (said["second"][0], said["second"][-1]) == ("start", "stop")


async def test_the_microphone_gives_what_it_holds(page: Page) -> None:
    """It hands out pieces of 1024 samples; asked for what it has, it does not wait until one is full."""
    sizes: list[int] = await page.evaluate(
        """async () => {
          const sizes = [];
          const microphone = await openMicrophone((samples) => sizes.push(samples.length));
          while (sizes.every((size) => size === 1024)) {
            await new Promise((resolve) => setTimeout(resolve, 10));
            await microphone.flush();
          }
          microphone.stop();
          return sizes;
        }"""
    )
    assert 0 < min(sizes) < 1024

"""Audio of the JavaScript client in Chromium: both ways, in all formats, by the microphone."""

import asyncio
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Page

import posewire
from browser.web_client.conftest import join
from posewire.server.host import Host
from posewire.wire.audio import frame_decoder, frame_encoder
from posewire.wire.messages import AudioParams
from posewire.wire.opus import opus_available
from support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


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

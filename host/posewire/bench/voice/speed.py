"""How fast the pipeline answers: one voice, a streaming model, ten sessions, many people at the same moment."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from typing import Any

import numpy as np

from posewire.bench.standins import OpenAiScript
from posewire.bench.voice.corpus import COMMANDS, chunks, speak
from posewire.bench.voice.parts import ANSWER, Line, Pipeline, Tools, percentile
from posewire.voice.assistant import Assistant
from posewire.voice.settings import VoiceSettings

_BACKEND_S = 0.3
_SESSIONS = 10


async def measure_latency(_: argparse.Namespace) -> dict[str, Any]:
    """Speak commands at the speed of speech; from the end of the utterance to the first samples of the reply."""
    spoken = await speak("flite", COMMANDS["tuning"])
    assistant = await asyncio.to_thread(Assistant.create, VoiceSettings())
    totals: list[float] = []
    stages: dict[str, list[float]] = {}
    try:
        # As in a host that has been up for a while: the recogniser's process runs, the fixed phrases are prepared.
        await assistant.session(Line(), Tools(), device_name="first").close()
        await assistant.ready()
        for sentence in spoken[: len(COMMANDS["tuning"])]:
            line = Line()
            session = assistant.session(line, Tools(), device_name="bench")
            session.start("auto")
            began = time.monotonic()
            for number, frame in enumerate(chunks(np.concatenate((sentence.pcm, np.zeros(16_000, np.int16))))):
                await asyncio.sleep(max(0.0, began + number * 0.06 - time.monotonic()))
                session.feed(frame)
                if line.reports:
                    break
            await line.until(lambda line=line: line.reports, 20)  # type: ignore[misc]
            report = line.reports[0]
            if "total" in report.stages:
                totals.append(report.stages["total"])
                for stage, took in report.stages.items():
                    stages.setdefault(stage, []).append(took)
            await session.close()
    finally:
        await assistant.close()
    medians = {stage: round(statistics.median(times), 1) for stage, times in stages.items()}
    return {
        "end of utterance to first audio, ms": {
            "p50": percentile(totals, 50),
            "p95": percentile(totals, 95),
            "n": len(totals),
        },
        "median of each stage, ms": medians,
        "engines": assistant.describe(),
    }


async def measure_streaming(args: argparse.Namespace) -> dict[str, Any]:
    """A model that writes a token every 20 ms: from its first whole sentence to the first audio."""
    result = {}
    for tts in ("openai", "flite", "espeak-ng"):
        script = OpenAiScript(ANSWER, token_s=0.02)
        delays = []
        async with Pipeline(script, tts) as pipeline:
            for _turn in range(args.repeats):
                script.sent.clear()
                line, session = pipeline.session()
                session.text("a question")
                await line.until(lambda line=line: line.reports)  # type: ignore[misc]
                whole = next(moment for moment, token in script.sent if token.strip().endswith("."))
                delays.append((line.first_audio - whole) * 1000)
                await session.close()
                pipeline.forget()
        result[f"first sentence to first audio, voice {tts}, ms"] = {
            "p50": percentile(delays, 50),
            "max": percentile(delays, 100),
        }
    return result


async def measure_sessions(_: argparse.Namespace) -> dict[str, Any]:
    """Ten sessions at once, all backends slow (0.3 s each): what one alone takes, and what the slowest of ten takes."""
    script = OpenAiScript(ANSWER, first_s=_BACKEND_S, asr_s=_BACKEND_S, tts_s=_BACKEND_S)
    pcm = (await speak("flite", ("turn on the light",)))[0].pcm

    async with Pipeline(script, "openai", asr="openai") as pipeline:

        async def one() -> float:
            line, session = pipeline.session()
            session.start("manual")
            for frame in chunks(pcm):
                session.feed(frame)
                await asyncio.sleep(0)
            await asyncio.sleep(0.2)  # the clock starts when everything has been listened to
            began = time.monotonic()
            session.stop()
            await line.until(lambda: line.first_audio)
            took = time.monotonic() - began
            await session.close()
            return took * 1000

        alone = [await one() for _ in range(3)]
        together = await asyncio.gather(*(one() for _ in range(_SESSIONS)))
    return {
        "one session, ms": round(statistics.median(alone)),
        f"{_SESSIONS} sessions at once, slowest, ms": round(max(together)),
        "three backends, one after the other, ms": round(3 * _BACKEND_S * 1000),
    }


async def measure_people(args: argparse.Namespace) -> dict[str, Any]:
    """Many people speak at the same moment, with the offline recogniser: what they wait, and whether the loop does."""
    pcm = (await speak("flite", ("go forward ten meters",)))[0].pcm
    pcm = np.concatenate((pcm, np.zeros(16_000, np.int16)))
    assistant = await asyncio.to_thread(Assistant.create, VoiceSettings(tts="none"))
    result = {}

    async def lag() -> float:
        """Return the longest time that the event loop did not come round, in ms."""
        worst = 0.0
        while True:
            before = time.monotonic()
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                return worst
            worst = max(worst, (time.monotonic() - before - 0.01) * 1000)

    try:
        for people in (1, 10, args.people):
            lines = [Line() for _ in range(people)]
            sessions = [assistant.session(line, Tools(), device_name="bench") for line in lines]
            for session in sessions:
                session.start("auto")
            watching = asyncio.create_task(lag())
            began = time.monotonic()
            for number, frame in enumerate(chunks(pcm)):
                await asyncio.sleep(max(0.0, began + number * 0.06 - time.monotonic()))
                for session in sessions:
                    session.feed(frame)
            for line in lines:
                await line.until(lambda line=line: line.reports, 120)  # type: ignore[misc]
            watching.cancel()
            waits = [line.reports[0].stages["asr"] for line in lines]
            result[f"{people} at once"] = {
                "understood": sum(line.reports[0].outcome == "answered" for line in lines),
                "end of utterance to text, ms": {"p50": percentile(waits, 50), "max": percentile(waits, 100)},
                "longest stall of the event loop, ms": round(await watching, 1),
            }
            for session in sessions:
                await session.close()
    finally:
        await assistant.close()
    return result

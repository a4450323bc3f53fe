"""What a turn leaves behind: after an abort in each stage, and after many turns."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import threading
import time
from pathlib import Path
from typing import Any

from posewire.bench.standins import OpenAiScript
from posewire.bench.voice.corpus import chunks, speak
from posewire.bench.voice.parts import ANSWER, Line, Pipeline, Tools, percentile, until
from posewire.voice.assistant import Assistant
from posewire.voice.session import VoiceState
from posewire.voice.settings import VoiceSettings


async def measure_cancelling(args: argparse.Namespace) -> dict[str, Any]:
    """Abort in every stage: how long until no task and no request of the turn is left."""
    pcm = (await speak("flite", ("turn on the light",)))[0].pcm
    result = {}
    for stage in ("asr", "llm", "tts", "playing"):
        slow: dict[str, Any] = {"asr": {"asr_s": 60}, "llm": {"first_s": 60}, "tts": {"tts_s": 60}}.get(stage, {})
        script = OpenAiScript(ANSWER, token_s=0.02, **slow)
        took = []
        async with Pipeline(script, "openai", asr="openai") as pipeline:
            for _turn in range(args.repeats):
                line, session = pipeline.session()
                line.full = True
                before = asyncio.all_tasks()
                session.start("manual")
                for frame in chunks(pcm):
                    session.feed(frame)
                session.stop()
                if stage == "playing":
                    await line.until(lambda line=line: line.first_audio)  # type: ignore[misc]
                else:
                    path = {"asr": "transcriptions", "llm": "completions", "tts": "speech"}[stage]
                    asked = pipeline.server.requests
                    await until(lambda path=path, asked=asked: any(r.path.endswith(path) for r in asked))  # type: ignore[misc]
                began = time.monotonic()
                session.abort()
                # While one sentence plays the next one is asked for: that request must go, too.
                await until(lambda before=before: not _of_turns(asyncio.all_tasks() - before))  # type: ignore[misc]
                await until(lambda server=pipeline.server: not server.open)  # type: ignore[misc]
                took.append((time.monotonic() - began) * 1000)
                pipeline.server.requests.clear()
                pipeline.forget()
                await session.close()
        result[f"abort during {stage}, all gone after ms"] = {"p50": percentile(took, 50), "max": percentile(took, 100)}
    return result


async def measure_endurance(args: argparse.Namespace) -> dict[str, Any]:
    """Many turns, most of them aborted at a random moment; what there is more of afterwards."""
    dice = random.Random(1)
    spoken = await speak("flite", ("turn on the light", "what can you do"))
    assistant = await asyncio.to_thread(Assistant.create, VoiceSettings(tts="espeak-lib"))
    outcomes: dict[str, int] = {}

    async def turns(count: int) -> None:
        line = Line()
        session = assistant.session(line, Tools(), device_name="bench")
        for _ in range(count):
            session.start("manual")
            for frame in chunks(dice.choice(spoken).pcm, 4800):
                session.feed(frame)
            if dice.random() < 0.2:
                session.text("what time is it")
            else:
                session.stop()
            if dice.random() < 0.7:
                await asyncio.sleep(dice.random() * 0.3)
                session.abort()
            else:
                async with asyncio.timeout(60):
                    await until(lambda: session.state == VoiceState.IDLE)
        await session.close()
        for report in line.reports:
            outcomes[report.outcome] = outcomes.get(report.outcome, 0) + 1

    await turns(max(10, args.turns // 20))
    before = await _settled()
    outcomes.clear()
    began = time.monotonic()
    await turns(args.turns)
    after = await _settled()
    await assistant.close()
    return {
        "turns": args.turns,
        "seconds": round(time.monotonic() - began),
        "outcomes": outcomes,
        "tasks": [before["tasks"], after["tasks"]],
        "threads": [before["threads"], after["threads"]],
        "open files": [before["files"], after["files"]],
        "memory, MB": [before["memory"], after["memory"]],
        "tasks after the end": len(asyncio.all_tasks()) - 1,
    }


def _of_turns(tasks: set[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    """Leave out the stand-in's own tasks."""
    return [task for task in tasks if "StandIn" not in getattr(task.get_coro(), "__qualname__", "")]


async def _settled() -> dict[str, float]:
    """Wait a moment, then count."""
    await asyncio.sleep(0.2)
    gc.collect()
    return _standing()


def _standing() -> dict[str, float]:
    """Count what this process holds."""
    files, memory = Path("/proc/self/fd"), Path("/proc/self/statm")
    resident = int(memory.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6 if memory.exists() else 0.0
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "files": len(list(files.iterdir())) if files.exists() else 0,
        "memory": round(resident, 1),
    }

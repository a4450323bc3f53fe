"""Answer a text as a device would: with the configured model, or with the offline commands.

Without --device nothing but this process is needed, and only the host's own tools are there. With it, a running host's
device answers aloud.

examples:
  posewire ask "what time is it"
  posewire ask --config posewire.toml "How many kilometres is a marathon in miles?"
  posewire ask --device 24:6f:28:00:00:01 "turn on the light"
"""

import argparse
import asyncio
import contextlib
from collections import Counter
from pathlib import Path
from typing import Any

from posewire.console.host_client import HostClient
from posewire.errors import ConfigError
from posewire.host_address import add_host_arguments
from posewire.progress import meanwhile
from posewire.terminal import show, show_json, show_part


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire ask``."""
    parser.add_argument("words", nargs="+", metavar="TEXT")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings that name the model and the tools")
    parser.add_argument("--device", metavar="ID", help="let a device of a running host answer")
    parser.add_argument("--stages", action="store_true", help="show the time of each stage, and the emotions")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    add_host_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Answer, or let a device do it."""
    text = " ".join(args.words)
    asyncio.run(_ask_device(args, text) if args.device else _answer(args, text))
    return 0


async def _ask_device(args: argparse.Namespace, text: str) -> None:
    async with HostClient(args.url, args.token) as host:
        device = (await host.find(args.device)).device
        await host.ask(device, text)
    if args.json:
        show_json({"device": device})
    else:
        show(f"{device} answers")


async def _answer(args: argparse.Namespace, text: str) -> None:
    from posewire.server.host_tools import HostTools
    from posewire.server.settings import load_settings
    from posewire.server.state.cache_registry import Caches
    from posewire.voice.assistant import load_responder
    from posewire.voice.commands.sentences_file import load_sentences
    from posewire.voice.conversation import Emotion, StageTime
    from posewire.voice.tools.base import ToolContext
    from posewire.voice.tools.handler import UnifiedToolHandler

    settings = load_settings(args.config)
    if settings.voice is None:
        raise ConfigError("[voice] is not enabled in these settings")
    tools = HostTools(settings.tools, Counter(), Caches())
    with meanwhile("loading the tools"):
        tools.start()
        await tools.ready()
        responder = load_responder(settings.voice, load_sentences(map(Path, settings.voice.sentences)))
    waiting = contextlib.ExitStack()
    try:
        waiting.enter_context(meanwhile("waiting for the answer"))
        conversation = responder.conversation(UnifiedToolHandler(tools.manager, ToolContext()), "this computer")
        result: dict[str, Any] = {"text": "", "stages_ms": {}, "emotions": []}
        async for piece in conversation.answer(text):
            match piece:
                case str():
                    waiting.close()
                    result["text"] += piece
                case StageTime():
                    result["stages_ms"][piece.stage] = round(piece.milliseconds, 1)
                case Emotion():
                    result["emotions"].append(piece.name)
            if args.json:
                continue
            if isinstance(piece, str):
                show_part(piece)
            elif args.stages and isinstance(piece, StageTime | Emotion):
                waiting.close()
                shown = f"{piece.stage} {piece.milliseconds:.0f} ms" if isinstance(piece, StageTime) else piece.name
                show_part(f"[{shown}] ")
        waiting.close()
        if args.json:
            show_json(result)
        else:
            show()
    finally:
        waiting.close()
        await responder.close()
        await tools.close()

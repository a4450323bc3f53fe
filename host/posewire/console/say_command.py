"""Say something: on a device of a running host, or here.

examples:
  posewire say 24:6f:28:00:00:01 "Dinner is ready."
  posewire say --urgent all "Please leave the building."
  posewire say --wav hello.wav "Hello there."        no host needed
  posewire say --play "Hello there."                 on this machine's speaker
"""

import argparse
import asyncio
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from posewire.console.host_client import HostClient
from posewire.errors import ConfigError, ProviderError
from posewire.host_address import add_host_arguments
from posewire.progress import meanwhile
from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.sound.wav import wav_bytes
from posewire.terminal import show, show_json, warn

_KEEP = 60.0
"""Seconds to wait for a device that is known."""

_LISTED = "posewire tools --devices lists those that are connected"
_PLAYERS = (("paplay",), ("aplay", "-q"), ("afplay",), ("play", "-q"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire say``."""
    parser.add_argument(
        "words", nargs="+", metavar="[DEVICE] TEXT", help="DEVICE is an id or a name, or all; not with --wav, --play"
    )
    parser.add_argument("--wav", type=Path, metavar="FILE", help="write the speech to a file instead")
    parser.add_argument("--play", action="store_true", help="play the speech on this machine instead")
    parser.add_argument("--urgent", action="store_true", help="interrupt whatever the device is doing")
    parser.add_argument(
        "--keep",
        type=float,
        metavar="S",
        help="wait this long for the device, even an unknown one (default 60)",
    )
    parser.add_argument("--no-wait", action="store_true", help="do not wait until it was said")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="settings that name the voice, for --wav and --play"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    add_host_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Say it; the status is 1 when a device was not told."""
    if args.wav is not None or args.play:
        asyncio.run(_speak_here(" ".join(args.words), args))
        return 0
    if len(args.words) < 2:
        raise ConfigError(f"name a device and a text: posewire say DEVICE TEXT ({_LISTED})")
    return asyncio.run(_say(args.words[0], " ".join(args.words[1:]), args))


async def _say(device: str, text: str, args: argparse.Namespace) -> int:
    async with HostClient(args.url, args.token) as host:
        keep = _KEEP if args.keep is None else args.keep
        if device.lower() != "all":
            found = await host.find(device)
            if not found.known and args.keep is None:
                raise ConfigError(f"no device is called {device} ({_LISTED}); --keep SECONDS waits for it all the same")
            device = found.device
            if not found.connected and keep and not args.no_wait:
                warn(f"{device} is not connected: waiting for it for {keep:g} s at most")
        with meanwhile(f"waiting for {device}"):
            outcomes = await host.say(device, text, urgent=args.urgent, keep=keep, wait=not args.no_wait)
    if args.json:
        show_json({"devices": outcomes})
    else:
        for name, outcome in outcomes.items():
            show(f"{name}  {outcome}")
        if not outcomes:
            show("no device is connected")
    return 0 if outcomes and all(outcome in ("spoken", "queued") for outcome in outcomes.values()) else 1


async def _speak_here(text: str, args: argparse.Namespace) -> None:
    from posewire.server.settings import load_settings
    from posewire.voice.commands.sentences_file import load_sentences
    from posewire.voice.llm.sentence_splitter import split_sentences
    from posewire.voice.phrase import samples_of
    from posewire.voice.providers import NO_SYNTHESIZER, load_synthesizer
    from posewire.voice.tts.synthesis import Synthesis

    settings = load_settings(args.config).voice
    if settings is None:
        raise ConfigError("[voice] is not enabled in these settings")
    engine = load_synthesizer(settings, load_sentences([]))
    if engine is None:
        raise ProviderError(NO_SYNTHESIZER)
    synthesis = Synthesis(engine)
    try:
        with meanwhile("speaking"):
            parts = [
                samples_of(sound)
                for sentence in split_sentences(text)
                async for sound in synthesis.synthesize(sentence)
            ]
    finally:
        await engine.close()
    samples = np.concatenate(parts) if parts else np.empty(0, np.int16)
    if args.wav is not None:
        _write(args.wav, samples)
        seconds = len(samples) / SAMPLE_RATE
        if args.json:
            show_json({"file": str(args.wav), "seconds": round(seconds, 3), "engine": engine.name})
        else:
            show(f"{args.wav}: {seconds:.1f} s by {engine.name}")
    if args.play:
        _play(samples)


def _write(path: Path, samples: Pcm) -> None:
    try:
        path.write_bytes(wav_bytes(samples, SAMPLE_RATE))
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror}") from None


def _play(samples: Pcm) -> None:
    player = next((command for command in _PLAYERS if shutil.which(command[0])), None)
    if player is None:
        names = ", ".join(command[0] for command in _PLAYERS)
        raise ProviderError(f"no audio player was found (looked for {names}): write a file with --wav")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "say.wav"
        _write(path, samples)
        try:
            subprocess.run([*player, str(path)], check=True)  # noqa: S603 - from our own list
        except (OSError, subprocess.SubprocessError) as exc:
            raise ProviderError(f"{player[0]} cannot play: {exc}") from None

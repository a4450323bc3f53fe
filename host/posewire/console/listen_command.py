"""Show what the ears make of a recording: speech segments, what was heard while it went on, the text, how sure it is.

Any WAV file of 16 bits; it is brought to 16 kHz mono. Offline with the default settings.

examples:
  posewire listen command.wav
  posewire listen --config posewire.toml question.wav
"""

import argparse
import asyncio
import wave
from pathlib import Path
from typing import Any

import numpy as np

from posewire.errors import ConfigError
from posewire.progress import meanwhile
from posewire.sound.pcm import SAMPLE_RATE, Pcm, to_int16
from posewire.sound.resampling import resample
from posewire.terminal import show, show_json
from posewire.voice.vad.base import VAD_FRAME

_MAX_SECONDS = 3600
_BREATH = 0.004


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire listen``."""
    parser.add_argument("file", type=Path, metavar="FILE.wav")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings that name the engines")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Listen; the status is 1 when nothing was understood."""
    return asyncio.run(_listen(read_recording(args.file), args.config, args.json))


def read_recording(path: Path) -> Pcm:
    """Return a WAV file's samples at 16 kHz, channels mixed.

    Raises:
        ConfigError: not there, not a WAV of 16 bits, or over an hour.
    """
    try:
        with wave.open(str(path)) as file:
            rate, channels = file.getframerate(), file.getnchannels()
            if file.getsampwidth() != 2:
                raise ConfigError(f"{path} has {8 * file.getsampwidth()} bits a sample: only 16 bits are supported")
            if file.getnframes() > _MAX_SECONDS * rate:
                raise ConfigError(f"{path} is over an hour long")
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror}") from None
    except (wave.Error, EOFError) as exc:
        raise ConfigError(f"{path} is not a WAV file that can be read: {exc}") from None
    mixed = samples.reshape(-1, channels).mean(axis=1)
    return to_int16(resample(mixed, rate, SAMPLE_RATE))


async def _listen(pcm: Pcm, config: Path | None, as_json: bool) -> int:
    from posewire.server.settings import load_settings
    from posewire.voice.asr.base import AcousticProfile, SpeechRecognizer, Utterance
    from posewire.voice.commands.sentences_file import load_sentences
    from posewire.voice.providers import load_provider
    from posewire.voice.vad.base import VadEngine
    from posewire.voice.vad.endpoint import Endpointer

    settings = load_settings(config).voice
    if settings is None:
        raise ConfigError("[voice] is not enabled in these settings")
    sentences = load_sentences(map(Path, settings.sentences))
    with meanwhile("loading the recogniser"):
        vad: VadEngine = load_provider("vad", settings.vad, settings, sentences)
        recognizer: SpeechRecognizer = load_provider("asr", settings.asr, settings, sentences)
        recognizer.prepare()
    result: dict[str, Any] = {
        "seconds": round(len(pcm) / SAMPLE_RATE, 3), "vad": vad.name, "asr": recognizer.name, "utterances": [],
    }  # fmt: skip

    def tell(line: str) -> None:
        if not as_json:
            show(line)

    detector = vad.detector()
    endpointer = Endpointer(settings.vad_threshold, settings.end_silence_ms, settings.max_utterance_s)
    # The silence at the end lets an utterance that goes to the last sample end.
    padded = np.pad(pcm, (0, SAMPLE_RATE * settings.end_silence_ms // 1000 + 2 * VAD_FRAME))
    acoustics = AcousticProfile()
    utterance: Utterance | None = None
    partial, understood, began = "", 0, 0.0
    try:
        tell(f"{len(pcm) / SAMPLE_RATE:.2f} s, vad {vad.name}, asr {recognizer.name}")
        for start in range(0, len(padded) - VAD_FRAME + 1, VAD_FRAME):
            frame = padded[start : start + VAD_FRAME]
            step = endpointer.push(frame, detector.probability(frame))
            now = (start + VAD_FRAME) / SAMPLE_RATE
            if step.started:
                utterance, partial = recognizer.utterance(acoustics), ""
                began = now - sum(map(len, step.audio)) / SAMPLE_RATE
            if utterance is None:
                continue
            for part in step.audio:
                utterance.feed(part)
            # Engines decode beside this loop: at their pace the partials come where they would when somebody speaks.
            await asyncio.sleep(_BREATH)
            if utterance.partial != partial:
                partial = utterance.partial
                tell(f"  {now:7.2f} s  … {partial}")
            if step.ended:
                heard, utterance = utterance, None
                transcript = await heard.finish()
                verdict = "accepted" if transcript.accepted else "rejected"
                understood += transcript.accepted and bool(transcript.text)
                ended = now - endpointer.silence_ms / 1000
                result["utterances"].append(
                    {
                        "begins": round(began, 2),
                        "ends": round(ended, 2),
                        "accepted": transcript.accepted,
                        "text": transcript.text,
                        "score": round(transcript.score, 3),
                        "coverage": round(transcript.coverage, 3),
                    }
                )
                tell(
                    f"{began:7.2f} … {ended:.2f} s  {verdict}  {transcript.text!r}"
                    f"  score {transcript.score:.2f}, covers {100 * transcript.coverage:.0f} %"
                )
    finally:
        if utterance is not None:
            utterance.cancel()
        await recognizer.close()
    if as_json:
        show_json(result)
    elif not understood:
        show("nothing was understood")
    return 0 if understood else 1

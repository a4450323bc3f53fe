"""What the recogniser understands: commands of synthetic voices, in quiet and in noise, and other sentences."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from posewire.bench.voice.corpus import COMMANDS, UNRELATED, VOICES, chunks, speak, with_noise
from posewire.sound.pcm import Framer, Pcm
from posewire.voice.asr.base import AcousticProfile, SpeechRecognizer
from posewire.voice.commands.responder import CommandResponder
from posewire.voice.commands.sentences_file import load_sentences
from posewire.voice.providers import load_provider
from posewire.voice.settings import VoiceSettings
from posewire.voice.vad.base import VAD_FRAME, VadEngine
from posewire.voice.vad.endpoint import Endpointer
from posewire.wire.adpcm import AdpcmEncoder, adpcm_decode


async def measure_commands(args: argparse.Namespace) -> dict[str, Any]:
    """Count commands understood and other sentences accepted, cut out by the detector, through the boards' codec."""
    settings = VoiceSettings(asr_decoders=8, **({} if args.threshold is None else {"asr_threshold": args.threshold}))
    sentences = load_sentences()
    recognizer: SpeechRecognizer = load_provider("asr", settings.asr, settings, sentences)
    vad: VadEngine = load_provider("vad", settings.vad, settings, sentences)
    matcher = CommandResponder(sentences).matcher

    async def heard(pcm: Pcm, acoustics: AcousticProfile) -> str:
        detector = vad.detector()
        endpointer = Endpointer(settings.vad_threshold, settings.end_silence_ms, 15)
        utterance = recognizer.utterance(acoustics)
        for frame in Framer(VAD_FRAME).push(_wired(pcm)):
            step = endpointer.push(frame, detector.probability(frame))
            for part in step.audio:
                utterance.feed(part)
            if step.ended:
                break
        transcript = await utterance.finish()
        return transcript.text if transcript.accepted else ""

    def meaning(text: str) -> object:
        command = matcher.match(text) if text else None
        return command and (command.intent.name, command.values)

    result: dict[str, Any] = {}
    for engine in VOICES:
        for group in COMMANDS:
            for noise_db in (None, 20.0, 10.0):
                right = wrong = accepted = 0
                spoken = await speak(engine, COMMANDS[group])
                others = await speak(engine, UNRELATED[group]) if noise_db is None else []
                # A voice is a session: its utterances come one after the other.
                profiles = {voice: AcousticProfile() for voice in VOICES[engine]}
                for text in spoken:
                    pcm = text.pcm if noise_db is None else with_noise(text.pcm, noise_db)
                    found = meaning(await heard(pcm, profiles[text.voice]))
                    right += found == meaning(text.text)
                    wrong += found is not None and found != meaning(text.text)
                for text in others:
                    accepted += meaning(await heard(text.pcm, profiles[text.voice])) is not None
                line = f"{engine}, {group} set" + (f", pink noise {noise_db:.0f} dB below" if noise_db else "")
                result[line] = {"right": f"{right}/{len(spoken)}", "wrong": wrong}
                if others:
                    result[line]["unrelated accepted"] = f"{accepted}/{len(others)}"
    await recognizer.close()
    return result


def _wired(pcm: Pcm) -> Pcm:
    encoder = AdpcmEncoder()
    return np.concatenate([adpcm_decode(encoder.encode(frame)) for frame in chunks(pcm)])

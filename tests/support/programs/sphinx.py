"""The offline recogniser on whole recordings."""

from collections.abc import Mapping

from posewire.sound.pcm import Framer, Pcm
from posewire.voice.asr import pocketsphinx
from posewire.voice.asr.base import AcousticProfile, SpeechRecognizer, Transcript
from posewire.voice.asr.grammar import Grammar
from posewire.voice.asr.sphinx_decoders import SphinxConfig
from posewire.voice.asr.worker_pool import WorkerPool
from posewire.voice.settings import VoiceSettings
from posewire.voice.vad.base import VAD_FRAME
from posewire.voice.vad.endpoint import Endpointer
from posewire.voice.vad.silero import SileroEngine


def sphinx(grammar: Grammar, pronunciations: Mapping[str, str] | None = None, decoders: int = 2) -> WorkerPool:
    """Return a recogniser of a grammar, with one worker."""
    threshold = VoiceSettings().asr_threshold
    config = SphinxConfig(decoders, threshold, grammar.jsgf, grammar.words, pronunciations)
    return pocketsphinx.recognizer(config, 1)


async def recognise(recognizer: SpeechRecognizer, pcm: Pcm) -> Transcript:
    """Return the transcript of a recording, cut by the detector as in a voice session."""
    detector = SileroEngine().detector()
    endpointer = Endpointer(0.5, 512, 15)
    utterance = recognizer.utterance(AcousticProfile())
    for frame in Framer(VAD_FRAME).push(pcm):
        for part in endpointer.push(frame, detector.probability(frame)).audio:
            utterance.feed(part)
    return await utterance.finish()

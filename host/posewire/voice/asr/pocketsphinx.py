"""Offline recognition with PocketSphinx, in worker processes: commands by the sentences' grammar, or free dictation."""

from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from posewire.config import between, check_rules
from posewire.voice.asr.grammar import Grammar
from posewire.voice.asr.sphinx_decoders import SphinxConfig, grammar_decoder, import_pocketsphinx
from posewire.voice.asr.worker_pool import WorkerPool, default_workers
from posewire.voice.providers import ProviderContext


@dataclass(frozen=True)
class SphinxOptions:
    """Section ``[voice.providers.asr.pocketsphinx]``."""

    mode: Literal["grammar", "dictation"] = "grammar"
    """``grammar``: only the sentences. ``dictation``: any English words, many of them wrong."""

    workers: Annotated[int, between(0, 64)] = 0
    """Number of processes; 0: one less than there are processors, at least one."""

    def __post_init__(self) -> None:
        check_rules(self)


def make(context: ProviderContext) -> WorkerPool:
    """Make the provider, with the grammar of the sentences."""
    options, settings, sentences = context.options(SphinxOptions), context.settings, context.sentences
    config = SphinxConfig(settings.asr_decoders)
    if options.mode == "grammar":
        grammar = Grammar(sentences)
        config = SphinxConfig(
            settings.asr_decoders, settings.asr_threshold, grammar.jsgf, grammar.words, sentences.pronunciations
        )
    return recognizer(config, options.workers or default_workers())


def recognizer(config: SphinxConfig, workers: int) -> WorkerPool:
    """Return a recogniser with this configuration.

    Raises:
        ProviderError: pocketsphinx is not installed or does not load.
        ConfigError: a word of the grammar has no pronunciation; the message names it.
    """
    if config.jsgf:
        # Loaded once here, so that a wrong grammar is an error at start and not at the first utterance.
        grammar_decoder(config)
    else:
        import_pocketsphinx()
    name = f"pocketsphinx {'grammar' if config.jsgf else 'dictation'} (offline)"
    return WorkerPool(name, "posewire.voice.asr.sphinx_engine:engine", asdict(config), workers)

"""The sentences: intents, templates, lists and phrases, as they are after all files have been read and merged."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hassil.expression import Sentence

from posewire.voice.commands.placeholders import PlaceholderValue


@dataclass(frozen=True)
class NumberRange:
    """A list of whole numbers, from ``first`` to ``last``, both included."""

    first: int
    last: int


@dataclass(frozen=True)
class IntentSpec:
    """One intent of the sentences file; the keys are explained at the top of ``data/sentences.yaml``."""

    name: str
    source: str
    templates: tuple[Sentence, ...]
    typed: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    """Names of one tool on different devices: the first that is available is called."""

    action: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)
    replies: tuple[str, ...] = ()
    missing: str = ""
    failed: str = ""
    help: str = ""
    emotion: str = "neutral"
    confirm: str = ""
    reply_first: bool = False


@dataclass(frozen=True)
class Sentences:
    """All sentences files, merged."""

    intents: Mapping[str, IntentSpec]
    rules: Mapping[str, Sentence]
    lists: Mapping[str, Mapping[str, PlaceholderValue] | NumberRange]
    skip_words: tuple[str, ...]
    phrases: Mapping[str, str]
    """The replies where no intent's own fits: ``not_understood``, ``missing``, ``failed``."""

    pronunciations: Mapping[str, str]

"""The template of the system prompt: the shipped one, its placeholders, and the check of a user's."""

from string import Formatter

from posewire.errors import ConfigError

PLACEHOLDERS = ("device", "room", "user", "date", "time", "emotions", "memory")

DEFAULT_TEMPLATE = """\
You are the voice of {device}, a small device with a microphone and a speaker{room}. You are speaking with {user}.
Your answers are spoken aloud: one to three short sentences, plain text, no lists, no markup.
Begin each answer with how you feel, one of these words in square brackets: {emotions}.
When a tool can do what is asked, call it instead of saying that you did. When a tool fails, say so.
Today is {date}.
{memory}"""


def check_template(template: str) -> None:
    """Check that a template can be filled.

    Raises:
        ConfigError: it cannot; the message names the problem.
    """
    try:
        fields = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
    except ValueError as exc:
        raise ConfigError(f"the prompt template: {exc}; write {{{{ for a brace") from None
    for name in fields:
        if name not in PLACEHOLDERS:
            raise ConfigError(f"the prompt has no placeholder {{{name}}}; there are {', '.join(PLACEHOLDERS)}")

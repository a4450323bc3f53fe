"""Print what makes a shell complete the words of this command.

examples:
  posewire completion bash > ~/.local/share/bash-completion/completions/posewire
  posewire completion zsh > ~/.zfunc/_posewire         with ~/.zfunc in fpath
  posewire completion fish > ~/.config/fish/completions/posewire.fish
"""

import argparse
import sys
from collections.abc import Callable

from posewire.terminal import show_text

_BASH = """\
_posewire() {
    local words="${COMP_WORDS[*]:1:COMP_CWORD-1}" choices
    case "$words" in
%s
    *) choices="" ;;
    esac
    COMPREPLY=($(compgen -W "$choices" -- "${COMP_WORDS[COMP_CWORD]}"))
    [ "${#COMPREPLY[@]}" = 0 ] && compopt -o default
}
complete -F _posewire posewire
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire completion``."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="shell to write for")
    parser.set_defaults(words=_words)


def run(args: argparse.Namespace) -> int:
    """Print the completion script of a shell."""
    words: Callable[[], dict[str, list[str]]] = args.words
    found = words()
    if args.shell == "fish":
        show_text("\n".join(_fish(found)))
        return 0
    # The longest first: "sim device" before "sim".
    longest_first = sorted(found.items(), key=lambda item: -len(item[0]))
    cases = [f'    {_pattern(name)}) choices="{" ".join(choices)}" ;;' for name, choices in longest_first]
    script = _BASH % "\n".join(cases)
    if args.shell == "zsh":
        script = "#compdef posewire\nautoload -U +X bashcompinit && bashcompinit\n" + script.replace(
            '    [ "${#COMPREPLY[@]}" = 0 ] && compopt -o default\n', ""
        )
    show_text(script.rstrip())
    return 0


def _pattern(name: str) -> str:
    return f'"{name}"|"{name} "*' if name else '""'


def _fish(found: dict[str, list[str]]) -> list[str]:
    lines = ["complete -c posewire -f"]
    for name, choices in found.items():
        words = name.split()
        seen = " && ".join(f"__fish_seen_subcommand_from {word}" for word in words) or "__fish_use_subcommand"
        for choice in choices:
            what = f"-l {choice[2:]}" if choice.startswith("--") else f"-a {choice}"
            lines.append(f'complete -c posewire -n "{seen}" {what}')
    return lines


def _words() -> dict[str, list[str]]:
    """Return what may follow each command: its actions and options. Here the command line looks at itself."""
    cli = sys.modules["posewire.cli"]
    found: dict[str, list[str]] = {"": []}
    for name in cli.COMMANDS:
        first, _, rest = name.partition(" ")
        if first not in found[""]:
            found[""].append(first)
        if rest:
            found.setdefault(first, []).append(rest)
        parser = cli.build_parser(name.split())
        for word in name.split():
            parser = _leaves(parser)[word]
        found[name] = _options(parser)
    return found


def _leaves(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _options(parser: argparse.ArgumentParser) -> list[str]:
    found = list(_leaves(parser))
    for action in parser._actions:
        found += [name for name in action.option_strings if name.startswith("--")]
        if not action.option_strings and action.choices and not isinstance(action, argparse._SubParsersAction):
            found += map(str, action.choices)
    return found

"""Print what makes a shell complete the words of this command.

examples:
  posewire completion bash > ~/.local/share/bash-completion/completions/posewire
  posewire completion zsh > ~/.zfunc/_posewire         with ~/.zfunc in fpath, before compinit
  posewire completion fish > ~/.config/fish/completions/posewire.fish
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from posewire.terminal import show_text

_BASH = """\
_posewire() {
    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" name="" choices="" options="" i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$name ${COMP_WORDS[i]}" in
        NAMES) name="$name ${COMP_WORDS[i]}" ;;
        *) break ;;
        esac
    done
TABLE
    [[ $word == -* ]] && choices="$options"
    COMPREPLY=($(compgen -W "$choices" -- "$word"))
    [ -n "$choices" ] || compopt -o default
}
complete -F _posewire posewire
"""
_ZSH = """\
#compdef posewire
_posewire() {
    local word="${words[CURRENT]}" before="${words[CURRENT-1]}" name="" choices="" options="" i
    for ((i = 2; i < CURRENT; i++)); do
        case "$name ${words[i]}" in
        NAMES) name="$name ${words[i]}" ;;
        *) break ;;
        esac
    done
TABLE
    [[ $word == -* ]] && choices="$options"
    if [[ -n $choices ]]; then compadd -- ${=choices}; else _files; fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _posewire "$@"; else compdef _posewire posewire; fi
"""
_FISH = """\
function __posewire_name
    set -l name ""
    for word in (commandline -opc)[2..-1]
        switch "$name $word"
            case NAMES
                set name "$name $word"
            case '*'
                break
        end
    end
    echo "$name"
end
TABLE
"""


class Place(NamedTuple):
    """What may follow a command: ``words``, ``flags`` that take no value, ``values``: options and their choices."""

    words: list[str]
    flags: list[str]
    values: dict[str, list[str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire completion``."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="shell to write for")
    parser.set_defaults(places=_places)


def run(args: argparse.Namespace) -> int:
    """Print the completion script of a shell."""
    show_text(script(args.shell, args.places()).rstrip())
    return 0


def script(shell: str, places: Mapping[str, Place]) -> str:
    """Return the completion script; ``places`` by their names, each word after a space: " sim device"."""
    names = [f'"{name}"' for name in places if name]
    if shell == "fish":
        return _FISH.replace("NAMES", " ".join(names)).replace("TABLE", "\n".join(_fish_lines(places)))
    text = _BASH if shell == "bash" else _ZSH
    return text.replace("NAMES", "|".join(names)).replace("TABLE", "\n".join(_case_lines(places)))


def _case_lines(places: Mapping[str, Place]) -> Iterator[str]:
    """What follows each command, as bash and zsh both read it."""
    yield '    case "$name" in'
    for name, place in places.items():
        options = " ".join([*place.flags, *place.values])
        yield f'    "{name}") choices="{" ".join(place.words)}" options="{options}" ;;'
    yield '    esac\n    case "$name $before" in'
    for name, place in places.items():
        for option, choices in place.values.items():
            yield f'    "{name} {option}") choices="{" ".join(choices)}" ;;'
    yield "    esac"


def _fish_lines(places: Mapping[str, Place]) -> Iterator[str]:
    for name, place in places.items():
        here = f"complete -c posewire -n 'test (__posewire_name) = \"{name}\"'"
        if place.words:
            yield f"{here} -f -a '{' '.join(place.words)}'"
        for option in place.flags:
            yield f"{here} -l {option[2:]}"
        for option, choices in place.values.items():
            yield f"{here} -l {option[2:]} " + (f"-xa '{' '.join(choices)}'" if choices else "-rF")


def _places() -> dict[str, Place]:
    """Return what may follow each command. Here the command line looks at itself."""
    cli = sys.modules["posewire.cli"]
    found: dict[str, Place] = {}
    for name in cli.COMMANDS:
        # Only the module of the command that is asked for is loaded: each has a parser of its own.
        parser, here = cli.build_parser(name.split()), ""
        for word in name.split():
            found.setdefault(here, _place(parser))
            parser, here = _leaves(parser)[word], f"{here} {word}"
        _add(found, parser, here)
    return found


def _add(found: dict[str, Place], parser: argparse.ArgumentParser, name: str) -> None:
    found[name] = _place(parser)
    for word, leaf in _leaves(parser).items():
        _add(found, leaf, f"{name} {word}")


def _place(parser: argparse.ArgumentParser) -> Place:
    place = Place([], [], {})
    for action in parser._actions:
        choices = list(map(str, action.choices or ()))
        if not action.option_strings:
            place.words.extend(choices)
        for option in action.option_strings:
            if option.startswith("--") and action.nargs == 0:
                place.flags.append(option)
            elif option.startswith("--"):
                place.values[option] = choices
    return place


def _leaves(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}

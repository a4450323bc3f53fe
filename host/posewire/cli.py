"""The ``posewire`` command: a table of subcommands, each in the module that does its work."""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from importlib import import_module

from posewire import __version__
from posewire.errors import PosewireError, SystemRefusalError
from posewire.terminal import show_json, warn
from posewire.termination import complain_no_more, ended_in_order

# name (words separated by a space make groups): one line of help, module with add_arguments(parser) and run(args)
COMMANDS = {
    "init": ("write the settings of a host, and say what comes next", "posewire.console.init_command"),
    "serve": ("start the host that boards and programs connect to", "posewire.server.serve_command"),
    "demo": ("show host, simulated board, voice and motion on this machine", "posewire.demo.command"),
    "say": ("say something on a device, to a file, or here", "posewire.console.say_command"),
    "ask": ("answer a text as a device would, or let a device do it", "posewire.console.ask_command"),
    "listen": ("show the recognition of a recording", "posewire.console.listen_command"),
    "tools": ("list tools and devices, or call a tool", "posewire.console.tools_command"),
    "mcp": ("offer the boards' tools to any MCP client", "posewire.console.mcp_command"),
    "update": ("send new firmware to boards over the air", "posewire.console.update_command"),
    "camera": ("track a person in front of a camera, and publish the landmarks in a room", "posewire.camera.command"),
    "record": ("record a room into a file", "posewire.client.commands.record_command"),
    "recordings": ("list the recordings made on this machine", "posewire.client.commands.recordings_command"),
    "replay": ("play a recording of a room back, at any speed", "posewire.client.commands.replay_command"),
    "export": ("export a recording as CSV, JSON lines, npz, BVH or for Rerun", "posewire.export.command"),
    "report": ("show what a program's monitor has measured, or compare two reports", "posewire.console.report_command"),
    "bridge lsl": ("offer a room's poses as streams of the Lab Streaming Layer", "posewire.bridges.lsl_command"),
    "bridge osc": (
        "let a room and programs that speak Open Sound Control hear each other",
        "posewire.bridges.osc_command",
    ),
    "bridge vmc": ("let a body in a room move an avatar (VMC), or take one in", "posewire.bridges.vmc_command"),
    "bridge slimevr": (
        "make boards with motion sensors trackers of a SlimeVR server",
        "posewire.bridges.slimevr_command",
    ),
    "top": ("show boards and rooms of a host, again and again", "posewire.console.top_command"),
    "service": ("run the host whenever this machine runs", "posewire.console.service_command"),
    "completion": ("print what makes a shell complete this command", "posewire.console.completion_command"),
    "devices": ("pair devices, list them, revoke their access", "posewire.identity.commands.devices"),
    "tokens": ("issue tokens to people, programs and boards", "posewire.identity.commands.tokens"),
    "audit": ("show the audit log: pairings, tokens, refusals, orders", "posewire.identity.commands.audit"),
    "privacy": ("show the data that is kept about people, and erase it", "posewire.console.privacy_command"),
    "sim device": ("run one simulated board against any host", "posewire.sim.device_command"),
    "sim net": ("put a simulated network before a host", "posewire.sim.network.net_command"),
    "sim soak": ("let a simulated board stream for hours, and check its memory", "posewire.sim.soak_command"),
    "bench pose": ("measure the pose codec on recordings, beside other formats", "posewire.bench.pose"),
    "bench opus": ("measure the board's Opus encoder, beside libopus", "posewire.bench.opus"),
    "bench client": ("measure the board's WebSocket client, beside micropython-lib's", "posewire.bench.client"),
    "bench client-room": ("measure desktop programs in a room, on good and bad links", "posewire.bench.client_room"),
    "bench voice": ("measure the accuracy and the speed of the voice pipeline", "posewire.bench.voice.command"),
    "bench voiceprint": ("measure the accuracy of voiceprints", "posewire.bench.voiceprint"),
    "bench relay": ("measure this host as a relay, beside other servers in the same run", "posewire.bench.relay"),
    "flash": ("put MicroPython on a board", "posewire.install.flash_command"),
    "deploy": ("put this firmware on a board that has MicroPython", "posewire.install.deploy_command"),
    "provision": ("give a board its Wi-Fi and its host over USB", "posewire.install.provision_command"),
    "monitor": ("show the output of a board, or type at its REPL", "posewire.install.monitor_command"),
    "bench gateway": ("measure the Socket.IO gateway with many clients", "posewire.bench.gateway"),
    "bench talk": ("measure the voice side with many boards that talk in the same second", "posewire.bench.talk"),
    "bench soak": ("run a host under load for long, and check that nothing grows", "posewire.bench.soak"),
    "doctor": ("check this machine, or the board on a serial port", "posewire.console.doctor_command"),
}
_GROUPS = {"bridge": "rooms in other protocols", "sim": "simulated boards", "bench": "benchmarks"}

_EPILOG = """\
start here:
  posewire doctor                      check the installation
  posewire demo                        try it without any hardware
  posewire serve                       the host, on this machine only
  posewire say --wav hello.wav "what time is it"
  posewire sim device --mic hello.wav  a board without hardware that asks it
"""


def build_parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """Build the parser of the whole command line; only the module of the command in ``argv`` is imported."""
    parser = argparse.ArgumentParser(
        prog="posewire",
        description="Voice-and-motion nodes on ESP32 boards, and the host they talk to.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"posewire {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    groups: dict[str, argparse._SubParsersAction[argparse.ArgumentParser]] = {}
    for name, (summary, module_name) in COMMANDS.items():
        group, _, leaf = name.rpartition(" ")
        target = commands
        if group:
            if group not in groups:
                group_parser = commands.add_parser(group, help=_GROUPS[group], description=_GROUPS[group])
                groups[group] = group_parser.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)
            target = groups[group]
        sub = target.add_parser(leaf, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter)
        words = name.split()
        if list(argv[: len(words)]) == words:
            module = import_module(module_name)
            sub.description = module.__doc__
            module.add_arguments(sub)
            sub.set_defaults(run=module.run, parser=sub)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    words = sys.argv[1:] if argv is None else argv
    args, unknown = build_parser(words).parse_known_args(words)
    if unknown:
        args.parser.error(f"there is no {' '.join(unknown)} here; --help says what there is")
    with ended_in_order() as told:
        try:
            status: int = args.run(args)
        except PosewireError as error:
            return _failed(error, getattr(args, "json", False))
        except BrokenPipeError:
            raise
        except OSError as error:
            return _failed(_refusal(error), getattr(args, "json", False))
        except KeyboardInterrupt:
            if argv is None:  # this process is the command's own
                complain_no_more()
            return told.status
    return status


def _failed(error: PosewireError, as_json: bool) -> int:
    """Say what went wrong and what helps, on standard error; with --json the same on standard output."""
    from posewire.host_problems import remedy  # only now: it brings the host's settings along

    advice = remedy(error)
    warn(f"{error}: {advice}" if advice else str(error))
    if as_json:
        # Where the output itself cannot be written, the words must do.
        with contextlib.suppress(OSError):
            show_json({"error": {"code": error.code, "message": str(error), "remedy": advice}})
    return 2


def _refusal(error: OSError) -> SystemRefusalError:
    """What no command has expected, such as a disk that is full."""
    why = error.strerror or str(error) or type(error).__name__
    return SystemRefusalError(f"{error.filename}: {why}" if error.filename else f"the output cannot be written: {why}")

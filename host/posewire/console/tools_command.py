"""List tools, or call one.

Without a device, these are the tools of the settings; no host needs to run. With a device, a running host lists or
calls the tools of that device.

examples:
  posewire tools
  posewire tools --call calculate '{"expression": "6*7"}'
  posewire tools 24:6f:28:00:00:01
  posewire tools 24:6f:28:00:00:01 --call self.led.set_color '{"red": 0, "green": 0, "blue": 255}'
  posewire tools --devices
"""

import argparse
import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from posewire.console.host_client import HostClient
from posewire.host_address import add_host_arguments
from posewire.terminal import show, show_json, show_text
from posewire.voice.tools.schema import arguments_from_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire tools``."""
    parser.add_argument("device", nargs="?", metavar="DEVICE", help="device of a running host")
    parser.add_argument("--devices", action="store_true", help="list the devices of a running host")
    parser.add_argument("--all", action="store_true", help="with a device: also list what the host offers its session")
    parser.add_argument("--call", nargs="+", metavar="NAME [JSON]", help="call a tool with these arguments")
    parser.add_argument("--json", action="store_true", help="print the list as JSON, with the schemas")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings that name the host's own tools")
    add_host_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """List tools or call one."""
    asyncio.run(_at_host(args) if args.device or args.devices else _here(args))
    return 0


async def _at_host(args: argparse.Namespace) -> None:
    async with HostClient(args.url, args.token) as host:
        if args.devices:
            devices = await host.devices()
            for device in devices:
                session = device["session"]
                voice = session["voice"] or "no voice"
                show(f"{device['device']}  {session['board'] or '?'}  {voice}  {session['tools']} tools")
            if not devices:
                show("no device is connected")
        elif args.call:
            target = (await host.find(args.device)).device
            show_text(await host.call(target, args.call[0], arguments_from_json(" ".join(args.call[1:]))))
        else:
            _show(await host.tools((await host.find(args.device)).device, args.all), args.json)


async def _here(args: argparse.Namespace) -> None:
    from posewire.server.host_tools import HostTools
    from posewire.server.settings import load_settings
    from posewire.server.state.cache_registry import Caches
    from posewire.voice.tools.base import ToolContext

    tools = HostTools(load_settings(args.config).tools, Counter(), Caches())
    tools.start()
    try:
        await tools.ready()
        if args.call:
            arguments = arguments_from_json(" ".join(args.call[1:]))
            show_text((await tools.manager.call(args.call[0], arguments, ToolContext())).text)
            return
        kinds = tools.manager.kinds()
        _show(
            [
                {"name": name, "kind": kinds[name], "description": info.description, "inputSchema": dict(info.schema)}
                for name, info in tools.manager.available().items()
            ],
            args.json,
        )
    finally:
        await tools.close()


def _show(tools: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        show_json(tools, 2)
        return
    for tool in tools:
        properties = tool["inputSchema"].get("properties", {})
        required = tool["inputSchema"].get("required", [])
        parameters = ", ".join(name if name in required else f"{name}?" for name in properties)
        show(f"{tool['name']}({parameters})  [{tool.get('kind', '')}]")
        show(f"    {tool['description']}")
    if not tools:
        show("no tools")

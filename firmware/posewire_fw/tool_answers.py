"""What is asked about tools besides calling them (MCP). Loaded to answer, and unloaded after."""

import json

from micropython import const

from posewire_fw import __version__
from posewire_fw.tools import rpc_error, rpc_result

PROTOCOL_VERSION = "2024-11-05"

# tools/list goes out in pages of about this many bytes: each must fit the transmit buffer.
PAGE_BYTES = const(1280)

_METHOD_NOT_FOUND = const(-32601)
_INVALID_PARAMS = const(-32602)


def answer(tools, number, method, params):
    """The answer to a request with this number."""
    if method == "initialize":
        return rpc_result(number, _initialize(tools))
    if method == "ping":
        return rpc_result(number, {})
    if method == "tools/list":
        return _list(tools, number, params)
    return rpc_error(number, _METHOD_NOT_FOUND, "no such method: %s" % method)


def _initialize(tools):
    return {
        "protocolVersion": PROTOCOL_VERSION,
        "capabilities": {"tools": {}},
        "serverInfo": {"name": tools.board_name, "version": __version__},
    }


def _list(tools, number, params):
    cursor = params.get("cursor") or ""
    start = 0
    if cursor:
        while start < len(tools.all) and tools.all[start].name != cursor:
            start += 1
        if start == len(tools.all):
            return rpc_error(number, _INVALID_PARAMS, "no such cursor")
    page = []
    size = 0
    for tool in tools.all[start:]:
        schema = describe(tool)
        size += len(json.dumps(schema)) + 2
        if page and size > PAGE_BYTES:
            return rpc_result(number, {"tools": page, "nextCursor": tool.name})
        page.append(schema)
    return rpc_result(number, {"tools": page})


def describe(tool):
    """A tool as tools/list shows it."""
    required = [name for name in tool.properties if "default" not in tool.properties[name]]
    return {
        "name": tool.name,
        "description": tool.description,
        "inputSchema": {"type": "object", "properties": tool.properties, "required": required},
    }

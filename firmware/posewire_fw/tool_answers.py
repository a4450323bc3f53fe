"""Answers what is asked about tools, and calls them (MCP, JSON-RPC 2.0). Loaded to answer."""

import json

from micropython import const

from posewire_fw import __version__, log
from posewire_fw.unload import unload_modules

PROTOCOL_VERSION = "2024-11-05"

# tools/list goes out in pages of about this many bytes: each must fit the transmit buffer.
PAGE_BYTES = const(1280)
# What a message has besides the tools or the result in it.
_ENVELOPE = const(384)

_PARSE_ERROR = const(-32700)
_INVALID_REQUEST = const(-32600)
_METHOD_NOT_FOUND = const(-32601)
_INVALID_PARAMS = const(-32602)
_INTERNAL_ERROR = const(-32603)


class ParameterError(Exception):
    """An argument is missing, unknown, of another type or out of range."""


def handle_rpc(tools, request):
    """Answer one JSON-RPC request (a dict, or its JSON text) with a dict; None for notifications."""
    if isinstance(request, str):
        try:
            request = json.loads(request)
        except ValueError:
            return rpc_error(None, _PARSE_ERROR, "not JSON")
    if not isinstance(request, dict):
        return rpc_error(None, _INVALID_REQUEST, "not a JSON-RPC request")
    number = request.get("id")
    method = request.get("method")
    if request.get("jsonrpc") != "2.0" or not isinstance(method, str):
        return rpc_error(number, _INVALID_REQUEST, "not a JSON-RPC 2.0 request")
    if method.startswith("notifications/") or "id" not in request:
        return None
    params = request.get("params")
    if params is None:
        params = {}
    if not isinstance(params, dict):
        return rpc_error(number, _INVALID_PARAMS, "params must be an object")
    if method == "tools/call":
        return _call(tools, number, params)
    if method == "tools/list":
        return _list(tools, number, params)
    if method == "initialize":
        return rpc_result(number, _initialize(tools))
    if method == "ping":
        return rpc_result(number, {})
    if method.startswith("settings/"):
        return _settings(number, method, params)
    return rpc_error(number, _METHOD_NOT_FOUND, "no such method: %s" % method)


def _settings(number, method, params):
    from posewire_fw import setting_answers

    try:
        reply = setting_answers.answer(number, method, params)
    finally:
        unload_modules("setting_answers", "config")
    return reply or rpc_error(number, _METHOD_NOT_FOUND, "no such method: %s" % method)


def _call(tools, number, params):
    name = params.get("name")
    arguments = params.get("arguments")
    if arguments is None:
        arguments = {}
    tool = tools.find(name)
    if tool is None:
        return rpc_error(number, _INVALID_PARAMS, "no such tool: %s" % name)
    if not isinstance(arguments, dict):
        return rpc_error(number, _INVALID_PARAMS, "arguments must be an object")
    try:
        text = _as_text(call(tool, arguments))
    except ParameterError as exc:
        return rpc_error(number, _INVALID_PARAMS, str(exc))
    except Exception as exc:
        log.exception("tools", "%s failed" % name, exc)
        return rpc_result(
            number, {"content": [{"type": "text", "text": "%s failed: %s" % (name, exc)}], "isError": True}
        )
    tools.called(name, arguments)
    if len(text) > tools.longest:
        # Said before memory is taken for it.
        why = "%s has done its work, but its result has %d characters, and the board sends %d bytes at most"
        return rpc_error(number, _INTERNAL_ERROR, why % (name, len(text), tools.longest))
    return rpc_result(number, {"content": [{"type": "text", "text": text}], "isError": False})


def call(tool, arguments):
    """Check the arguments, fill in defaults, call. Raises ParameterError and whatever the function raises."""
    for name in arguments:
        if name not in tool.properties:
            raise ParameterError("%s has no parameter %s" % (tool.name, name))
    checked = {}
    for name, schema in tool.properties.items():
        if name in arguments:
            checked[name] = _check(name, schema, arguments[name])
        elif "default" in schema:
            checked[name] = schema["default"]
        else:
            raise ParameterError("%s needs %s" % (tool.name, name))
    return tool.fn(**checked)


def _check(name, schema, value):
    kind = schema["type"]
    if kind == "boolean":
        if value is not True and value is not False:
            raise ParameterError("%s must be true or false" % name)
    elif kind == "integer":
        if isinstance(value, float) and value == int(value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ParameterError("%s must be a whole number" % name)
        low = schema.get("minimum")
        high = schema.get("maximum")
        if (low is not None and value < low) or (high is not None and value > high):
            raise ParameterError("%s must be %s..%s, is %s" % (name, low, high, value))
    elif not isinstance(value, str):
        raise ParameterError("%s must be a text" % name)
    elif "enum" in schema and value not in schema["enum"]:
        raise ParameterError("%s must be one of %s" % (name, ", ".join(schema["enum"])))
    return value


def _as_text(value):
    if isinstance(value, str):
        return value
    return json.dumps(True if value is None else value)


def rpc_result(number, result):
    return {"jsonrpc": "2.0", "id": number, "result": result}


def rpc_error(number, code, message):
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}


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
        schema = _fitting(tools, describe(tool))
        if schema is None:
            continue
        size += _count(schema) + 2
        if page and size > PAGE_BYTES:
            return rpc_result(number, {"tools": page, "nextCursor": tool.name})
        page.append(schema)
    return rpc_result(number, {"tools": page})


def _count(schema):
    """Bytes of a tool in a page."""
    return len(json.dumps(schema).encode())


def _fitting(tools, schema):
    """A tool's declaration as it fits into a message: with less of its description, or not at all (None)."""
    limit = tools.longest - _ENVELOPE
    count = _count(schema)
    if count <= limit:
        return schema
    name = schema["name"]
    text = schema["description"]
    while text:
        text = text[: len(text) * 3 // 4]
        schema["description"] = text + "…"
        if _count(schema) <= limit:
            log.warning("tools", "the description of %s is cut: %d bytes, %d fit", name, count, limit)
            return schema
    log.error("tools", "%s is left out: %d bytes, %d fit", name, count, limit)
    tools.report("left_out", {"part": name[:100], "reason": "its parameters have more bytes than fit: %d" % limit})
    return None


def describe(tool):
    """A tool as tools/list shows it."""
    required = [name for name in tool.properties if "default" not in tool.properties[name]]
    return {
        "name": tool.name,
        "description": tool.description,
        "inputSchema": {"type": "object", "properties": tool.properties, "required": required},
    }

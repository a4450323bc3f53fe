"""The board's tools: one declaration each, offered as an MCP server (JSON-RPC 2.0) and as legacy iot descriptors."""

import json

from micropython import const

from posewire_fw import log
from posewire_fw.unload import unload_modules

_PARSE_ERROR = const(-32700)
_INVALID_REQUEST = const(-32600)
_INVALID_PARAMS = const(-32602)


class ParameterError(Exception):
    """An argument is missing, unknown, of another type or out of range."""


def integer(minimum, maximum, description=None, default=None):
    """A whole number parameter."""
    return _property({"type": "integer", "minimum": minimum, "maximum": maximum}, description, default)


def string(description=None, default=None, choices=None):
    """A text parameter, where given one of a list of choices."""
    schema = {"type": "string", "enum": list(choices)} if choices else {"type": "string"}
    return _property(schema, description, default)


def boolean(description=None, default=None):
    """A true or false parameter."""
    return _property({"type": "boolean"}, description, default)


def _property(schema, description, default):
    if description:
        schema["description"] = description
    if default is not None:
        schema["default"] = default
    return schema


class Tool:
    def __init__(self, name, description, properties, fn):
        self.name = name
        self.description = description
        self.properties = properties
        self.fn = fn

    def call(self, arguments):
        """Check the arguments, fill in defaults, call. Raises ParameterError and whatever the function raises."""
        for name in arguments:
            if name not in self.properties:
                raise ParameterError("%s has no parameter %s" % (self.name, name))
        checked = {}
        for name, schema in self.properties.items():
            if name in arguments:
                checked[name] = _check(name, schema, arguments[name])
            elif "default" in schema:
                checked[name] = schema["default"]
            else:
                raise ParameterError("%s needs %s" % (self.name, name))
        return self.fn(**checked)


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


def _not_connected(name, data=None):
    return False


class Tools:
    """The registry. on_call(name, arguments) is told of every call that was carried out."""

    def __init__(self, board_name, on_call):
        self.board_name = board_name
        self.all = []
        self.values = []
        self._on_call = on_call
        # report(name, data=None) sends the host an event; the app puts the session's here.
        self.report = _not_connected

    def tool(self, name, description, properties, fn):
        """Declare a tool. properties: {parameter: integer(…) | string(…) | boolean(…)}.

        fn gets them as keyword arguments. What it returns is the result: a text as it is, anything else as JSON; None
        counts as true.
        """
        if self.find(name) is not None:
            raise ValueError("there is a tool %s already" % name)
        for schema in properties.values():
            if schema["type"] not in ("integer", "string", "boolean"):
                raise ValueError("%s: a parameter is an integer, a string or a boolean" % name)
        self.all.append(Tool(name, description, properties, fn))

    def value(self, thing, name, description, kind, fn):
        """Declare something that can be read: shown in iot states. kind is "number", "boolean" or "string"."""
        self.values.append((thing, name, description, kind, fn))

    def find(self, name):
        """The tool of that name, None for no such."""
        for tool in self.all:
            if tool.name == name:
                return tool
        return None

    # MCP

    def handle_rpc(self, request):
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
            return self._call(number, params)
        # Once a session, mostly.
        from posewire_fw.tool_answers import answer

        try:
            return answer(self, number, method, params)
        finally:
            unload_modules("tool_answers")

    def _call(self, number, params):
        name = params.get("name")
        arguments = params.get("arguments")
        if arguments is None:
            arguments = {}
        tool = self.find(name)
        if tool is None:
            return rpc_error(number, _INVALID_PARAMS, "no such tool: %s" % name)
        if not isinstance(arguments, dict):
            return rpc_error(number, _INVALID_PARAMS, "arguments must be an object")
        try:
            text = _as_text(tool.call(arguments))
        except ParameterError as exc:
            return rpc_error(number, _INVALID_PARAMS, str(exc))
        except Exception as exc:
            log.exception("tools", "%s failed" % name, exc)
            return rpc_result(
                number, {"content": [{"type": "text", "text": "%s failed: %s" % (name, exc)}], "isError": True}
            )
        self.called(name, arguments)
        return rpc_result(number, {"content": [{"type": "text", "text": text}], "isError": False})

    def called(self, name, arguments):
        """A tool was called: tell whoever wants to know."""
        log.info("tools", "%s %s", name, json.dumps(arguments))
        self._on_call(name, arguments)


def _as_text(value):
    if isinstance(value, str):
        return value
    return json.dumps(True if value is None else value)


def rpc_result(number, result):
    return {"jsonrpc": "2.0", "id": number, "result": result}


def rpc_error(number, code, message):
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}

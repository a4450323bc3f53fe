"""The board's tools: one declaration each, offered as an MCP server (JSON-RPC 2.0) and as legacy iot descriptors."""

import gc
import json

from micropython import const

from posewire_fw import log
from posewire_fw.unload import unload_modules

MESSAGE_MAX = const(4096)


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


def _not_connected(name, data=None):
    return False


class Tools:
    """The registry. on_call(name, arguments) is told of every call that was carried out."""

    def __init__(self, board_name, on_call):
        self.board_name = board_name
        self.all = []
        self.values = []
        self._on_call = on_call
        # Bytes of the longest message that can be sent.
        self.longest = MESSAGE_MAX
        # declare() declares the board's own tools: where memory is short they, and what answers requests, are there
        # only while a request is answered. None: they are there all the time.
        self.declare = None
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

    def called(self, name, arguments):
        """A tool was called: tell whoever wants to know."""
        log.info("tools", "%s %s", name, json.dumps(arguments))
        self._on_call(name, arguments)

    def handle_rpc(self, request):
        """Answer one JSON-RPC request (a dict, or its JSON text) with a dict; None for notifications."""
        if self.declare is not None:
            gc.collect()
        from posewire_fw import tool_answers

        if self.declare is None:
            return tool_answers.handle_rpc(self, request)
        kept, values = self.all, self.values
        try:
            self.declare_own()
            return tool_answers.handle_rpc(self, request)
        finally:
            self.all, self.values = kept, values
            unload_modules("tool_answers")

    def keep_own(self):
        """Have the board's own tools there from now on."""
        if self.declare is not None:
            self.declare_own()
            self.declare = None

    def declare_own(self):
        """Declare the board's own tools, before the others."""
        kept, values = self.all, self.values
        self.all, self.values = [], []
        self.declare()  # pyright: ignore[reportOptionalCall]
        self.all += kept
        self.values += values

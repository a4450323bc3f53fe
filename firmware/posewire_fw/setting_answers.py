"""Answers what a host asks about the board's settings (docs/wire.md section 2.3). Loaded to answer, and unloaded after.

They are those of config.json, as they are after the next start. What is secret, and how the board finds its network, is
not among them.
"""

import json

from posewire_fw import config
from posewire_fw.tool_answers import PAGE_BYTES, rpc_error, rpc_result

_NOT_TOLD = ("host.token", "wifi", "client_id")
_INVALID_PARAMS = -32602
_INTERNAL_ERROR = -32603


def answer(number, method, params):
    """Answer settings/list or settings/set; None for another method."""
    if method == "settings/list":
        return _list(number, params.get("cursor") or "")
    if method == "settings/set":
        return _set(number, params)
    return None


def _told():
    """Yields (name, section, name in it, default, check, what it must be)."""
    for section, name, default, check, meaning in config.SETTINGS:
        label = name if section is None else section + "." + name
        if label not in _NOT_TOLD:
            yield label, section, name, default, check, meaning


def _list(number, cursor):
    now, _ = config.load()
    page = []
    size = 0
    for label, section, name, default, _, meaning in _told():
        if cursor and label != cursor:
            continue
        cursor = ""
        entry = {
            "name": label,
            "value": now[name] if section is None else now[section][name],
            "default": default,
            "is": meaning,
        }
        size += len(json.dumps(entry).encode()) + 2
        if page and size > PAGE_BYTES:
            return rpc_result(number, {"settings": page, "nextCursor": label})
        page.append(entry)
    if cursor:
        return rpc_error(number, _INVALID_PARAMS, "no such cursor")
    return rpc_result(number, {"settings": page})


def _set(number, params):
    wanted = params.get("name")
    if "value" not in params:
        return rpc_error(number, _INVALID_PARAMS, "a setting needs a value")
    value = params["value"]
    for label, _, _, _, check, meaning in _told():
        if label != wanted:
            continue
        if not check(value):
            return rpc_error(number, _INVALID_PARAMS, "%s must be %s, is %s" % (label, meaning, json.dumps(value)))
        if not config.save_value(label, value, repair=True):
            return rpc_error(number, _INTERNAL_ERROR, "the setting cannot be stored: the flash is full")
        return rpc_result(number, {"restart": True})
    return rpc_error(number, _INVALID_PARAMS, "no such setting: %s" % wanted)

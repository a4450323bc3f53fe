"""Secrets, in no file that people copy around: Wi-Fi passwords and the host's token, in the chip's NVS.

Non-volatile storage lives beside the file system: it outlasts a new application and a full or broken file system.
"""

import json

from micropython import const

from posewire_fw import log

_NAMESPACE = "posewire"
_BLOB_MAX = const(1500)
_NETWORKS_MAX = const(8)

TOKEN = "token"
CLIENT_ID = "client_id"
# The network that was joined last, the address that the host had last.
LAST_NETWORK = "last_network"
LAST_HOST = "last_host"
AP_PASSWORD = "ap_password"
# The partition of a firmware image on trial; that the next start leaves motion out, to have memory for an update.
IMAGE = "image"
NO_MOTION = "no_motion"
_NETWORKS = "wifi"


def _open():
    from esp32 import NVS

    return NVS(_NAMESPACE)


def get(name):
    """The text of this name, "" for none."""
    buffer = bytearray(_BLOB_MAX)
    try:
        count = _open().get_blob(name, buffer)
        return buffer[:count].decode()
    except (ImportError, OSError, UnicodeError):
        return ""


def put(name, text):
    """Keep a text, "" for none; False when it could not be stored. What is there already is not written again."""
    if get(name) == text:
        return True
    try:
        nvs = _open()
        if text:
            nvs.set_blob(name, text.encode())
        else:
            nvs.erase_key(name)
        nvs.commit()
    except (ImportError, OSError) as exc:
        log.error("credentials", "%s cannot be stored: %s", name, exc)
        return False
    return True


def networks():
    """The networks that the board was given over serial or its page: list of {"ssid", "password"}, newest first."""
    try:
        found = json.loads(get(_NETWORKS) or "[]")
        return [{"ssid": entry[0], "password": entry[1]} for entry in found]
    except (ValueError, TypeError, IndexError):
        return []


def add_network(ssid, password):
    """Remember a network; the oldest makes room. False when it could not be stored."""
    entries = [[ssid, password]]
    for entry in networks():
        if entry["ssid"] != ssid:
            entries.append([entry["ssid"], entry["password"]])
    return put(_NETWORKS, json.dumps(entries[:_NETWORKS_MAX]))


def remember_host(host, address):
    """Keep the address that a host has, for when its name does not resolve."""
    if isinstance(address, str) and address != host:
        put(LAST_HOST, "%s %s" % (host, address))


def last_address(host):
    """The address that this host had when the board last reached it, None when that is not known."""
    known, _, address = get(LAST_HOST).partition(" ")
    if known != host:
        return None
    log.warning("connection", "%s does not resolve: trying %s, where it was", host, address)
    return address

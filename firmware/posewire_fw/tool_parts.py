"""Declares the board's own tools, and the user's. Needed at the start only."""

from posewire_fw import log
from posewire_fw.parts import open_part
from posewire_fw.unload import drop_functions


def build(app):
    """Declare them; a board without memory for them goes on without."""
    open_part(app, "tools", register_tools)


def register_tools(app):
    """Declare the board's own tools, and the user's."""
    from posewire_fw import device_tools

    device_tools.register(app)
    drop_functions(device_tools, "register", "has_outputs")
    try:
        user_tools = __import__("user_tools")
    except ImportError as exc:
        if "user_tools" not in str(exc):
            log.exception("tools", "user_tools.py cannot be imported", exc)
        return
    except Exception as exc:
        log.exception("tools", "user_tools.py cannot be imported", exc)
        return
    try:
        user_tools.register(app.tools, app.board)
    except Exception as exc:
        log.exception("tools", "register() in user_tools.py failed", exc)

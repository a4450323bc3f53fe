"""Declares the board's own tools, and the user's. Needed at the start only."""

from posewire_fw import log
from posewire_fw.parts import open_part
from posewire_fw.unload import drop_functions


def build(app):
    """Declare them; a board without memory for them goes on without."""
    open_part(app, "tools", register_tools)


def register_tools(app):
    """Declare the board's own tools, and the user's. Of a small board, the own ones are declared when asked for."""
    app.declare_tools()
    own = len(app.tools.all), len(app.tools.values)
    _register_outputs(app)
    _register_users(app)
    if app.small:
        app.tools.all = app.tools.all[own[0] :]
        app.tools.values = app.tools.values[own[1] :]
        app.tools.declare = app.declare_tools


def _register_outputs(app):
    """Those of relays, servos and free pins: their module is loaded only where a board has some."""
    for name in app.board.pins:
        if name.startswith(("relay", "servo", "gpio_")):
            from posewire_fw import outputs

            outputs.register(app.tools, app.board)
            drop_functions(outputs, "register", "_relay", "_servo", "_gpio")
            return


def _register_users(app):
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

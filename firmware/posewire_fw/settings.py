"""The settings of a board as it starts: its file, and what it keeps secret. Loaded for that, and unloaded after."""

from posewire_fw import credentials, log


def build(app):
    """Read the settings of the application."""
    app.config = read_settings()


def read_settings():
    """The settings with what the board keeps secret; settings["errors"] says what was wrong with them."""
    from posewire_fw import config

    settings, errors = config.load()
    for error in errors:
        log.error("config", "%s", str(error)[len("config: ") :])
    settings["errors"] = errors
    # What the file says goes first; the rest is what the board was given over serial, its page, or by a host.
    if settings["wifi"] is not None:
        settings["wifi"] = settings["wifi"] + credentials.networks()
    if not settings["host"]["token"]:
        settings["host"]["token"] = credentials.get(credentials.TOKEN)
    if settings["client_id"] is None:
        settings["client_id"] = credentials.get(credentials.CLIENT_ID) or config.new_client_id()
        credentials.put(credentials.CLIENT_ID, settings["client_id"])
    return settings

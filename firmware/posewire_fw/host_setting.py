"""Another host for the board, from the next connection on. Loaded when somebody sets one, and unloaded after."""

from posewire_fw import config, credentials


def set_host(settings, url, token):
    """Use another address and token, and keep them; "" leaves one as it is.

    Raises ValueError for what is not a URL or cannot be kept.
    """
    if url and url != settings["host"]["url"]:
        if not config.is_url(url):
            raise ValueError("the host is a ws:// or wss:// URL")
        if not config.save_value("host.url", url, repair=True):
            raise ValueError("the host cannot be stored: the flash is full")
        settings["host"]["url"] = url
    if token:
        settings["host"]["token"] = token
        credentials.put(credentials.TOKEN, token)

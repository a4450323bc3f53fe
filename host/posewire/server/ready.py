"""What a host says when it is ready: the addresses at which it can be reached."""

import sys
from urllib.parse import urlsplit

from posewire.loopback import is_loopback
from posewire.server.transport.addresses import reachable_urls
from posewire.terminal import is_live, show, show_json, show_qr


def show_addresses(url: str, address: str, qr: bool | None, as_json: bool, conference: str = "") -> str:
    """Print where a host that listens on ``address`` can be reached; return the address of its page.

    ``qr``: whether the page's address is shown as a QR code, too; None: on a terminal, where others can reach it.
    ``conference``: its address in a conference; empty: it is in none.
    """
    first, *others = reachable_urls(url, address)
    parts = urlsplit(first)
    page = f"{parts.scheme.replace('ws', 'http')}://{parts.netloc}/"
    if as_json:
        show_json({"url": first, "others": others + [conference] * bool(conference), "page": page})
        return page
    show(f"posewire: ready on {first}")
    for other in others:
        show(f"posewire: also as {other}")
    if conference:
        show(f"posewire: in the conference as {conference}")
    show(f"posewire: its page is {page}")
    if qr or (qr is None and is_live(sys.stdout) and not is_loopback(address)):
        show_qr(page)
    return page

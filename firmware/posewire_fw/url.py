"""WebSocket URLs: ws://host[:port][/path][?query], wss://…, with IPv6 addresses in brackets."""


def parse_url(url):
    """Return (secure, host, port, path with query, Host header); raise ValueError that says what is wrong."""
    scheme, sep, rest = url.partition("://")
    scheme = scheme.lower()
    if not sep or scheme not in ("ws", "wss"):
        raise ValueError("the URL must begin with ws:// or wss://")
    rest = rest.split("#", 1)[0]
    end = len(rest)
    for mark in "/?":
        i = rest.find(mark)
        if 0 <= i < end:
            end = i
    netloc = rest[:end]
    path = rest[end:]
    if not path.startswith("/"):
        path = "/" + path
    if "@" in netloc:
        raise ValueError("the URL must not carry a user name")
    secure = scheme == "wss"
    port = 443 if secure else 80
    if netloc.startswith("["):
        host, bracket, tail = netloc[1:].partition("]")
        if not bracket or (tail and not tail.startswith(":")):
            raise ValueError("the IPv6 address in the URL has no closing bracket")
        number = tail[1:]
    else:
        host, _, number = netloc.partition(":")
    if number:
        if not number.isdigit() or not 0 < int(number) < 65536:
            raise ValueError("the port in the URL must be 1 to 65535")
        port = int(number)
    if not host:
        raise ValueError("the URL names no host")
    return secure, host, port, path, netloc

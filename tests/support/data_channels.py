"""Whether data channels can be opened on this machine."""

import pytest
from aioice.ice import get_host_addresses

needs_an_address = pytest.mark.skipif(
    not get_host_addresses(use_ipv4=True, use_ipv6=True),
    reason="this machine has no address but loopback, which WebRTC does not use",
)

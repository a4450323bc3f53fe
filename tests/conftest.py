"""What all tests share."""

import os

from hypothesis import settings

from posewire.store.settings import STORE_VARIABLE

# Hosts that tests start keep nothing, unless a test names a file.
os.environ[STORE_VARIABLE] = ":memory:"

# Nothing here asserts on time: a loaded machine may be slow.
settings.register_profile("posewire", deadline=None)
settings.load_profile("posewire")

"""What all tests share."""

from hypothesis import settings

# Nothing here asserts on time: a loaded machine may be slow.
settings.register_profile("posewire", deadline=None)
settings.load_profile("posewire")

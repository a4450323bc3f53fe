"""``python -m posewire`` is the ``posewire`` command."""

import sys

from posewire.cli import main

sys.exit(main())

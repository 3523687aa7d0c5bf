"""``python -m lobate``."""

import sys

from lobate.cli import main

sys.exit(main())

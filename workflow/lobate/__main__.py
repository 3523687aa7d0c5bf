"""Entry point of ``python -m lobate``."""

import sys

from lobate.cli.main import main

sys.exit(main())

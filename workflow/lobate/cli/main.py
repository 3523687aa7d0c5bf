"""The command line. A user error ends in one paragraph and exit status 2.

A call of a verb whose key is known is answered from the store at once; the commands are imported for any other.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

from lobate.cli.log import STAGE_LOGGER, configure_log
from lobate.cli.wording import OptionNames
from lobate.engine.known_calls import PlainCall, link_known, parse_call
from lobate.errors import UserError
from lobate.store.store import Store

log = logging.getLogger(__name__)


def main(tokens: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    tokens = sys.argv[1:] if tokens is None else tokens
    signal.signal(signal.SIGTERM, _exit_on_signal)
    # waiting threads that spin slow all jobs on shared cores down several times
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    configure_log(None, OptionNames({}))
    try:
        if (call := parse_call(tokens)) and _is_linked(call):
            return 0
        from lobate.cli.app import run

        status = run(tokens)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader has closed the pipe, as in `lobate explain FILE | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except UserError as mistake:
        log.error("Error: %s" if "\n" not in str(mistake) else "Errors:\n%s", mistake)
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception:
        log.critical(
            "This is a fault in lobate, not in your data. Please report it with the lines below.", exc_info=True
        )
        return 1


def _exit_on_signal(number: int, frame: object) -> None:
    sys.exit(128 + number)  # unwinds, so that the job's folder in the store is removed


def _is_linked(call: PlainCall) -> bool:
    """Whether the call's outputs could be linked from the store without its verb's module; the log says so."""
    key = link_known(call, Store.from_environment())
    if key is None:
        return False
    configure_log(Path(call.log) if call.log else None, OptionNames({}))
    logging.getLogger(STAGE_LOGGER).info("restored %s %s", call.verb, key)
    return True


if __name__ == "__main__":
    sys.exit(main())

"""Whether the process that left something behind is still alive.

Only the same boot of the same machine, in the same namespace of process numbers, can see whether a process is alive. A
host's name does not identify these, since machines may share it. A digest of boot and namespaces does. Process numbers
are reused, so the start of the process counts too, in ticks since the boot. Both are compared for equality only, never
with a clock.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from lobate.io.digest import text_digest

NAMESPACES = ("pid", "time")


@cache
def machine_digest() -> str:
    """Return a digest of this boot of this machine and of the process's namespaces; '' where there is no /proc."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        links = [Path("/proc/self/ns", name) for name in NAMESPACES]
        namespaces = [str(link.readlink()) for link in links if os.path.lexists(link)]
    except OSError:
        return ""
    return text_digest(" ".join([boot, *namespaces]))[:12]


def start_ticks(pid: int) -> str:
    """Return the start of a process in ticks since the boot; '' if it cannot be seen, 'ended' for a zombie."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "ended" if words[0] == "Z" else words[19]


def is_alive(pid: int, ticks: str) -> bool:
    """Return whether the process of this machine with this number and this start is alive; True in doubt."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return start_ticks(pid) in (ticks, "")

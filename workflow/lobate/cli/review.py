"""`lobate review`: look at the images of a region in a browser, and decide, with every decision on disk at once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

if TYPE_CHECKING:
    from lobate.settings import Region


def review(
    *config: Path,
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535))] = 0,
    no_browser: bool = False,
    prefix: str = "",
    allow_host: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
    reviewer: str = "",
    decisions: Path | None = None,
    run: bool = False,
) -> int:
    """Open a region in a browser on this machine: look at its images, decide about its detections, draw.

    The server answers this machine only. Over ssh forward its port; it prints how.

    Parameters
    ----------
    config
        Configuration of the region; of several files, later ones override earlier ones.
    port
        Port of the server; 0 takes a free one.
    no_browser
        Only print the address, as on a machine without a screen.
    prefix
        Path that a hub puts before the server's own, such as /user/me/proxy/8000.
    allow_host
        Name of a hub that forwards requests to the server under its own name.
    reviewer
        Your name, which goes with each decision; the page asks for it when not given.
    decisions
        File of decisions; resources/REGION/decisions.gpkg when not given. Each reviewer may have a file of their own.
    run
        Start the workflow at once, as the button of the page does.
    """
    from lobate.review.server import Options, serve
    from lobate.settings.load import load

    options = Options(port, not no_browser, prefix, allow_host, reviewer, decisions, run)
    serve(load(config), config, options)
    return 0


def waits_for_you(region: Region, config: Sequence[Path]) -> str:
    """Return the line that says how many detections wait for a person, and how to open them; empty where none waits."""
    from lobate.io.drawn import decisions_path
    from lobate.review.waiting import count_waiting

    waiting = count_waiting(region, Path(decisions_path(region.region)))
    line = waiting.waits_for_you(f"lobate review {' '.join(map(str, config))}") if waiting else ""
    return f"{line}\n" if line else ""


def status(
    *config: Path, as_json: Annotated[bool, Parameter(name="--json")] = False, decisions: Path | None = None
) -> int:
    """Print how far a region is: jobs, rounds of training, what waits for you, and what you do next.

    Parameters
    ----------
    config
        Configuration of the region; of several files, later ones override earlier ones.
    as_json
        Print JSON instead of text.
    decisions
        File of decisions; resources/REGION/decisions.gpkg when not given.
    """
    from lobate.io.drawn import decisions_path
    from lobate.io.jsonfile import json_text
    from lobate.review.status import read_status
    from lobate.settings.load import load

    region = load(config)
    found = read_status(region, " ".join(map(str, config)), decisions or Path(decisions_path(region.region)))
    sys.stdout.write(json_text(found.facts(), sort_keys=False) if as_json else found.text())
    return 0

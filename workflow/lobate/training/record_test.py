"""The verb `record_test`: the test side's scores of the chosen model, with the number of models it has judged so far.

Each look at the test side uses it up a little. So the store records which models a test side judged; the same model counts
once, whatever is computed again.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

from lobate.engine.signature import Input, Output, uncached
from lobate.io.jsonfile import parse_json, write_json
from lobate.store.judged import record_judged
from lobate.store.store import Store

log = logging.getLogger(__name__)


@uncached
def record_test(
    scores: Annotated[Path, Input()],
    test: Annotated[Path, Output()],
) -> None:
    """Record the evaluation ``scores`` in the store, and write ``test``: the scores and ``models_judged``.

    The number depends on the store, so it is no function of the input and is not kept there. Raises UserError for another
    file than `evaluate_test` wrote.
    """
    store = Store.from_environment()

    def counted(facts: dict[str, Any]) -> dict[str, Any]:
        return facts | {"models_judged": record_judged(store, str(facts["test_side"]), str(facts["model"]))}

    facts = parse_json(scores, counted, "a record written by `evaluate-test`")
    write_json(test, facts)
    log.info("this test side has judged %d different models so far", facts["models_judged"])

"""The models that each test side has judged, as empty files of the store: judged/<test side>/<model>.

Both names are digests. No collection drops them: a test side that has judged many models is no independent test any more,
and that must not be forgotten with the models.
"""

from __future__ import annotations

from lobate.store.os_errors import convert_os_errors
from lobate.store.store import DIGEST, Store, sorted_names


def record_judged(store: Store, test_side: str, model: str) -> int:
    """Record that ``test_side`` judged ``model``, and return the number of different models that it has judged.

    Raises UserError where the store cannot be written, and ValueError for a name that is no digest.
    """
    if not (DIGEST.fullmatch(test_side) and DIGEST.fullmatch(model)):
        raise ValueError("a test side or a model is no sha256")
    folder = store.root / "judged" / test_side
    with convert_os_errors(store.root):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / model).touch()
        return sum(DIGEST.fullmatch(name) is not None for name in sorted_names(folder))

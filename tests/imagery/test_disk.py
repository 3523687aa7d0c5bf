"""What is said when the disk takes nothing more."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from lobate.errors import Mistake
from lobate.imagery.fetching.disk import writing


@pytest.mark.parametrize(
    ("number", "hint"),
    [(errno.ENOSPC, "Free some room"), (errno.EDQUOT, "Free some room"), (errno.EROFS, "the right to write")],
)
def test_a_failure_to_write_is_told_with_what_to_do(number, hint):
    with pytest.raises(Mistake, match=rf"a/b cannot be written: .*{hint}"), writing(Path("a/b")):
        raise OSError(number, "no")


def test_the_file_that_the_system_names_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Mistake, match="file/inner cannot be written: Not a directory"), writing(tmp_path):
        (tmp_path / "file" / "inner").mkdir()

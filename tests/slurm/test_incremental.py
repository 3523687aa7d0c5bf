"""The incrementality table on Slurm: the rows of tests/chain/test_incremental.py, with this folder's clones.

Each run's jobs are compared with Slurm's accounting besides (conftest.py).
"""

import pytest
from tests.chain import test_incremental as table

pytestmark = pytest.mark.xdist_group("slurm")

globals().update({name: row for name, row in vars(table).items() if name.startswith("test_")})

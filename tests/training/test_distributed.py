import torch

from lobate.training.distributed import SINGLE, ProcessGroup


def test_shares_are_disjoint_and_complete():
    shares = [ProcessGroup(rank, 3).shard(range(8)) for rank in range(3)]
    assert sorted(number for share in shares for number in share) == list(range(8))
    assert {len(share) for share in shares} == {2, 3}


def test_alone_nothing_is_wrapped_summed_or_marked():
    network, value = torch.nn.Linear(1, 1), torch.ones(2)
    assert SINGLE.wrap_ddp(network) is network
    assert SINGLE.all_reduce(value) is value
    assert SINGLE.all_reduce_scalar(3.5) == 3.5
    assert (SINGLE.extra_seeds, SINGLE.is_primary) == ((), True)


def test_each_follower_draws_for_itself():
    assert [ProcessGroup(rank, 3).extra_seeds for rank in range(3)] == [(), (1,), (2,)]
    assert [ProcessGroup(rank, 3).is_primary for rank in range(3)] == [True, False, False]

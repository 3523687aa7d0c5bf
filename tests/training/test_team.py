import torch

from lobate.training.team import ALONE, Team


def test_shares_are_disjoint_and_complete():
    shares = [Team(rank, 3).share(range(8)) for rank in range(3)]
    assert sorted(number for share in shares for number in share) == list(range(8))
    assert {len(share) for share in shares} == {2, 3}


def test_alone_nothing_is_wrapped_summed_or_marked():
    network, value = torch.nn.Linear(1, 1), torch.ones(2)
    assert ALONE.shared(network) is network
    assert ALONE.total(value) is value
    assert ALONE.number(3.5) == 3.5
    assert (ALONE.mark, ALONE.leads) == ((), True)


def test_each_follower_draws_for_itself():
    assert [Team(rank, 3).mark for rank in range(3)] == [(), (1,), (2,)]
    assert [Team(rank, 3).leads for rank in range(3)] == [True, False, False]

import torch

from cpruner.agent.normaliser import Normaliser


def test_identity_until_fitted():
    observation_BO = torch.tensor([[100.0, -3.0]], dtype=torch.float64)
    assert torch.equal(Normaliser(2)(observation_BO), observation_BO)


def test_fit_by_hand():
    normaliser = Normaliser(2)
    normaliser.fit(torch.tensor([[1.0, 7.0], [5.0, 7.0]], dtype=torch.float64))
    # mean (3, 7); deviations (2, 0), the second of which only shifts
    observation_BO = torch.tensor([[1.0, 7.0], [4.0, 7.5], [99.0, -99.0]], dtype=torch.float64)
    assert normaliser(observation_BO).tolist() == [[-1.0, 0.0], [0.5, 0.5], [5.0, -5.0]]


def test_state_round_trip():
    normaliser, other = Normaliser(1), Normaliser(1)
    normaliser.fit(torch.tensor([[1.0], [5.0]], dtype=torch.float64))
    other.load_state_dict(normaliser.state_dict())
    assert other(torch.tensor([[1.0]], dtype=torch.float64)).item() == -1.0

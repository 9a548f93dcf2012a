import numpy as np
import pytest

from cpruner.agent import GradientAscent


def test_gradient_ascent_steps_by_hand():
    rule = GradientAscent(lr=0.5, cap=1.0, init=0.0).build(2)
    assert rule.lambda_K.tolist() == [0.0, 0.0]
    assert rule.update(np.array([0.4, -1.0])).tolist() == [0.2, 0.0]
    assert rule.update(np.array([0.4, 0.2])).tolist() == pytest.approx([0.4, 0.1])
    assert rule.update(np.array([9.0, -0.1])).tolist() == pytest.approx([1.0, 0.05])

import numpy as np
import pytest
import torch
from judging import abandoned, moved, page, spread

from cpruner.evaluate.evaluation_set import Gathered


def test_a_way_is_compared_with_the_plain_one() -> None:
    logits = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    labels = torch.tensor([0, 1, 0, 1])
    found = [
        {"plain": {"seconds": 1.0, "logits_NK": logits}, "other": {"seconds": 3.0, "logits_NK": logits.flip(1)}},
        {"plain": {"seconds": 1.0, "logits_NK": logits}, "other": {"seconds": 5.0, "logits_NK": logits}},
    ]
    assert moved(found, "other", labels) == {
        "median_seconds": 4.0,
        "mean_difference": 0.25,
        "largest_difference": 0.5,
        "spearman": None,
    }


def test_random_order_is_exact_and_stratified_order_is_better_where_difficulty_is_known() -> None:
    rng = np.random.default_rng(0)
    margin = torch.tensor(rng.normal(size=200))
    labels = torch.zeros(200, dtype=torch.int64)
    images = Gathered(torch.zeros(200, 1), labels, torch.stack([margin, torch.zeros(200)], dim=1))
    right_CN = np.stack([margin.numpy() > level for level in (-1.0, 0.0, 0.5)])
    found = spread(right_CN, images)
    assert list(found) == ["50", "100"]
    p = right_CN.mean(1)
    assert found["50"]["random"] == pytest.approx(np.sqrt((p * (1 - p) / 50 * 150 / 199).mean()))
    assert found["50"]["stratified"] < 0.7 * found["50"]["random"]


def test_hopeless_candidates_are_abandoned_and_good_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    right_CN = np.stack([rng.permutation(500) < 500 * share for share in (0.9, 0.9, 0.5, 0.5)])
    found, patient = abandoned(right_CN, 0.05), abandoned(right_CN, 0.6)
    assert 0 < found["abandoned"] <= 0.5
    assert found["images_used"] < 0.8
    assert found["lost"] == 0
    assert abs(found["bias_of_estimate"]) <= found["error_of_estimate"] < 0.2
    assert patient == {
        "images_used": 1.0,
        "abandoned": 0.0,
        "bias_of_estimate": 0.0,
        "error_of_estimate": 0.0,
        "lost": 0.0,
    }


def test_the_page_has_all_tables() -> None:
    numerics = {"precision": "bfloat16", "channels_last": True, "batch_size": 64, "cuda_graph": False}
    way = {"median_seconds": 0.5, "mean_difference": 0.001, "largest_difference": 0.004, "spearman": 0.98}
    saved = {"images_used": 0.5, "abandoned": 0.4, "bias_of_estimate": -0.01, "error_of_estimate": 0.02, "lost": 0.0}
    record = {
        "task": "digits",
        "environment": {"command": "python x", "device": "a chip", "threads": 1},
        "candidates": 3,
        "images": 359,
        "build_seconds": 0.25,
        "trials": [{**numerics, "seconds": 0.2, "agreement": 1.0, "difference": 1e-4}],
        "ways": {"plain": {**way, "spearman": None}, "measured": way},
        "order": {"50": {"random": 0.04, "stratified": 0.02}},
        "abandon": {"0.05": saved},
    }
    shown = page(record)
    assert "| bfloat16 | True | 64 | 200 | 100.00% | 1.0e-04 |" in shown
    assert "| measured | 0.50 | 0.10%, 0.40% | 0.980 |" in shown
    assert "| 50 | 4.00% | 2.00% | 25% |" in shown
    assert "| 0.05 | 50% | 40% | 0.00% | -1.00%, 2.00% |" in shown

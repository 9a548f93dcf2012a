import torch
from measure.drawing import answers, drawn, prefixes
from tiny_task import SOFT, env, task

from cpruner.evaluate import Judging, Scorer, score


def test_a_candidate_depends_on_its_number_only_and_fits_the_budget() -> None:
    one, two = env(), env()
    candidates = [drawn(one, 0, index) for index in range(3)]
    assert drawn(two, 0, 2) == candidates[2]
    assert drawn(one, 1, 2) != candidates[2]
    assert len(set(candidates)) > 1
    assert all(one.judge(candidate).feasible for candidate in candidates)
    assert not all(one.judge(drawn(env(problem=SOFT), 0, index)).feasible for index in range(3))


def test_prefixes_score_as_a_search_with_so_many_images_would() -> None:
    posed = task()
    whole = Scorer.of(posed.model, posed.search, Judging())
    dense = answers(whole, posed.model)
    assert len(dense) == 180
    found = prefixes(whole, dense, (50, 180))
    for count in (50, 180):
        few = Scorer.of(posed.model, posed.search, Judging(images=count))
        assert torch.allclose(answers(few, posed.model), dense[:count], atol=1e-5)
        assert (found[count].accuracy, found[count].images) == (few(posed.model).accuracy, count)
    assert found[180].accuracy == score(posed.model, posed.search).accuracy

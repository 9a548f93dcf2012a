import math

from cpruner.report import Course, History


def test_nothing_seen():
    course = Course()
    assert len(course) == 0
    assert course.history == History()
    assert math.isnan(course.feasible_share(5))


def test_evaluations_become_columns():
    course = Course()
    course.judged(0.9, {"flops": 1.5, "params": 0.5}, {"a": 1.0, "b": 0.75})
    course.judged(0.5, {"flops": 0.5, "params": 1.0}, {"a": 0.5, "b": 0.25})
    assert len(course) == 2
    assert course.history == History(
        accuracy=(0.9, 0.5),
        scaled={"flops": (1.5, 0.5), "params": (0.5, 1.0)},
        ratios={"a": (1.0, 0.5), "b": (0.75, 0.25)},
    )
    assert course.history.feasible == (False, True)


def test_what_an_update_does_not_report_is_no_number():
    course = Course()
    course.learnt({"flops": 1.0}, {"kl": 0.5})
    course.learnt({"flops": 2.0}, {"entropy": 0.25})
    history = course.history
    assert history.multipliers == {"flops": (1.0, 2.0)}
    assert history.scalars["kl"][0] == 0.5
    assert history.scalars["entropy"][1] == 0.25
    assert math.isnan(history.scalars["kl"][1])
    assert math.isnan(history.scalars["entropy"][0])


def test_the_share_within_budgets_looks_at_the_last_ones_only():
    course = Course()
    for cost in (2.0, 2.0, 0.5, 1.0, 1.1):
        course.judged(0.5, {"flops": cost, "params": 1.0}, {})
    assert course.feasible_share(100) == 0.4
    assert course.feasible_share(3) == 2 / 3
    assert course.feasible_share(1) == 0.0


def test_a_course_keeps_what_it_was_told():
    course, costs = Course(), {"flops": 0.5}
    course.judged(0.5, costs, costs)
    costs["flops"] = 2.0
    assert course.history.scaled == course.history.ratios == {"flops": (0.5,)}

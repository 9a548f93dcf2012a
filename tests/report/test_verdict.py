import pytest

from cpruner.report import Report, Row, verdict


def report(agent, *baselines):
    dense = Row("dense", 0.95, 0.94)
    return Report(0, {}, "cpu", {}, dense, baselines, agent, agent)


AGENT = Row("agent", 0.863, 0.859, violation=0.0, evaluations=400)


def test_win_on_both_splits():
    text = verdict(report(AGENT, Row("uniform", 0.827, 0.825, violation=0.0, evaluations=1)))
    assert text == (
        "Before fine-tuning the agent beats uniform. Against uniform (400 evaluations against 1): "
        "search 86.30 % vs 82.70 % (better), test 85.90 % vs 82.50 % (better)."
    )


@pytest.mark.parametrize(
    ("search", "test", "words"),
    [
        (0.9, 0.9, ("(worse)", "(worse)")),
        (0.8, 0.9, ("(better)", "(worse)")),
        (0.9, 0.8, ("(worse)", "(better)")),
        (0.863, 0.859, ("(equal)", "(equal)")),
        (0.8, 0.859, ("(better)", "(equal)")),
    ],
)
def test_anything_less_is_no_win(search, test, words):
    text = verdict(report(AGENT, Row("random", search, test, violation=0.0, evaluations=400)))
    assert text.startswith("Before fine-tuning the agent does not beat random.")
    assert [word for word in text.split() if word.strip(",.") in ("(better)", "(worse)", "(equal)")] == [
        f"{words[0]},",
        f"{words[1]}.",
    ]


def test_mixed_outcome_names_both_sides():
    rows = [Row(name, level, level, violation=0.0) for name, level in (("a", 0.5), ("b", 0.6), ("c", 0.99))]
    assert verdict(report(AGENT, *rows)).startswith("Before fine-tuning the agent beats a and b and does not beat c.")


def test_agent_over_a_budget_beats_nobody_and_it_is_said():
    agent = Row("agent", 0.9, 0.9, violation=0.05)
    text = verdict(report(agent, Row("uniform", 0.5, 0.5, violation=0.0)))
    assert text.startswith(
        "Before fine-tuning the agent does not beat uniform. The agent's network exceeds a budget by 5.0 %."
    )


def test_baseline_over_a_budget_is_beaten_and_it_is_said():
    text = verdict(report(AGENT, Row("uniform", 0.95, 0.95, violation=0.012)))
    assert text.startswith("Before fine-tuning the agent beats uniform.")
    assert text.endswith("; uniform exceeds a budget by 1.2 %.")


def test_missing_accuracies_are_no_win():
    text = verdict(report(Row("agent", 0.9, None, violation=0.0), Row("random", None, None, violation=0.0)))
    assert "does not beat random" in text
    assert "search not measured, test not measured" in text


def test_unread_budgets_are_not_taken_as_met():
    assert "was not read against the budgets" in verdict(
        report(Row("agent", 0.9, 0.9), Row("a", 0.1, 0.1, violation=0.0))
    )


def test_without_baselines_there_is_nothing_to_beat():
    assert verdict(report(AGENT)) == "There is no baseline to compare the agent with."

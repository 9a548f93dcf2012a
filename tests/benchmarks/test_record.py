from pathlib import Path

from measure.record import command, environment, replace


def test_of_a_file_elsewhere_the_command_has_the_name() -> None:
    assert command(["/a/b.py", "--data", "/c/d.npz", "e=1"]) == "python benchmarks/b.py --data d.npz e=1"


def test_what_a_number_depends_on() -> None:
    found = environment("no-such-package")
    assert found["versions"]["no-such-package"] == "absent"
    assert {"device", "threads", "date", "command"} < set(found)


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.json"
    for text in ("one", "two"):
        replace({target: text})
        assert target.read_text() == text
    assert [path.name for path in target.parent.iterdir()] == ["a.json"]

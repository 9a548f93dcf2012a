from typing import Any

import pytest

from cpruner.errors import InputError
from cpruner.evaluate import Judging


def test_all_images_are_judged_plainly_and_to_the_end_unless_asked_otherwise() -> None:
    usual = Judging()
    assert (usual.images, usual.mode, usual.precision, usual.channels_last) == (None, "fixed", "float32", False)
    assert (usual.abandon, usual.memo, usual.order) == (False, None, "stratified")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"images": 0}, r"Judging\.images: expected a number in \[1, inf\], got 0"),
        ({"precision": "int8"}, r"Judging\.precision: expected one of float32, bfloat16, float16, got 'int8'"),
        ({"mode": "auto"}, r"Judging\.mode: expected one of fixed, measured"),
        ({"order": "random"}, r"Judging\.order: expected one of stratified, given"),
        ({"batch_size": 0}, r"Judging\.batch_size"),
        ({"confidence": 1.0}, r"Judging\.confidence: .*got 1\.0"),
        ({"margin": -0.1}, r"Judging\.margin"),
        ({"memory": -1}, r"Judging\.memory"),
    ],
)
def test_illegal_options_are_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Judging(**wrong)


def test_what_is_abandoned_is_not_shared() -> None:
    with pytest.raises(InputError, match=r"Judging\.memo: expected null where candidates are abandoned"):
        Judging(abandon=True, memo="memo.sqlite")
    assert Judging(abandon=False, memo="memo.sqlite").memo == "memo.sqlite"

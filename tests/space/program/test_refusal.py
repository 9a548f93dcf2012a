import pytest

from cpruner.space.program.refusal import RefusalError


def test_a_refusal_says_why_and_is_no_error_of_the_user() -> None:
    with pytest.raises(RefusalError, match=r"^why$") as caught:
        raise RefusalError("why")
    assert not isinstance(caught.value, ValueError | RuntimeError)

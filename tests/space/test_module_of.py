import pytest

from cpruner.space.module_of import module_of


@pytest.mark.parametrize(
    ("tensor", "path", "name"),
    [
        ("layer3.0.conv1.weight", "layer3.0.conv1", "weight"),
        ("scale", "", "scale"),
        ("fc.weight_orig", "fc", "weight"),
        ("fc.weight_v", "fc", "weight"),
        ("a.b.parametrizations.weight.original0", "a.b", "weight"),
        ("parametrizations.weight.original", "", "weight"),
    ],
)
def test_the_module_and_the_name_it_knows_the_tensor_by(tensor: str, path: str, name: str) -> None:
    assert module_of(tensor) == (path, name)

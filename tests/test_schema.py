import dataclasses
import typing
from pathlib import Path
from typing import Any

import pytest
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from tiny_job import TRAINED, composed

from cpruner.agent import Perceptron, Random, ppo_lagrangian
from cpruner.catalogue import SPECS
from cpruner.command import Job
from cpruner.constraint import Flops
from cpruner.errors import ArtefactError, InputError
from cpruner.model import SmallResNet
from cpruner.schema import CONFIG, Root, check_choices, load_job, register, schema_of, to_job
from cpruner.spec import check, option

CONF = Path(__file__).parents[1] / "conf"


@dataclasses.dataclass(frozen=True)
class Example:
    count: int = option(3, "a count", low=1)
    path: str | None = option(None, "a path")
    sizes: list[int] = option([4, 2], "sizes")
    anything: Any = option("???", "needed")

    def __post_init__(self) -> None:
        check(self)


def test_a_schema_has_the_fields_of_its_spec() -> None:
    schema = schema_of(Example)
    assert schema.__name__ == "ExampleSchema"
    assert typing.get_type_hints(schema) == {"_target_": str, **typing.get_type_hints(Example)}
    node = OmegaConf.structured(schema)
    assert OmegaConf.to_container(node) == {
        "_target_": f"{__name__}.Example",
        "count": 3,
        "path": None,
        "sizes": [4, 2],
        "anything": "???",
    }


def test_a_schema_can_be_written_to_and_keeps_its_types() -> None:
    node = OmegaConf.structured(schema_of(Example))
    node.count, node.path, node.sizes = 5, "here", [1]
    assert (node.count, node.path, list(node.sizes)) == (5, "here", [1])
    for name, value in (("count", "many"), ("count", None), ("sizes", ["x"]), ("colour", "red")):
        with pytest.raises(OmegaConfBaseException):
            setattr(node, name, value)


def test_two_nodes_do_not_share_a_list() -> None:
    first, second = (OmegaConf.structured(schema_of(Example)) for _ in range(2))
    first.sizes.append(9)
    assert list(second.sizes) == [4, 2]


@pytest.mark.parametrize("limit", [0.5, 270000, "3.2 ms"])
def test_the_cost_of_a_budget_has_a_limit_of_any_kind(limit: Any) -> None:
    node = OmegaConf.structured(schema_of(Flops, budget=True))
    assert OmegaConf.is_missing(node, "limit")
    node.limit = limit
    assert node.limit == limit
    assert type(node.limit) is type(limit)


def test_every_spec_is_registered() -> None:
    register()
    register()  # a second time is no harm
    store = ConfigStore.instance()
    for group, specs in SPECS.items():
        found = {name for name in store.list(f"spec/{group}") if name.endswith(".yaml")}  # others are groups
        assert found == {f"{name}.yaml" for name in specs}


def test_the_root_has_the_nodes_of_a_job() -> None:
    names = {field.name for field in dataclasses.fields(Job)} - {"budgets"} | {"constraint"}
    assert {field.name for field in dataclasses.fields(Root)} == names


def test_a_job_is_rebuilt_from_a_config() -> None:
    job = to_job(composed(*TRAINED, "seed=7", "threads=null"))
    assert job.model == SmallResNet(width=4, inner=1)
    assert job.agent == Random()
    assert (job.seed, job.threads, job.job) == (7, None, "cpruner")
    assert to_job(composed("agent.encoder.hidden=[8]")).agent == ppo_lagrangian(encoder=Perceptron(hidden=[8]))


def test_a_spec_that_refuses_is_told_by_its_place_in_the_config() -> None:
    config = composed()
    config.finetune.lr = -1.0
    with pytest.raises(InputError, match=r"^finetune\.lr: expected a number in \[0, inf\], got -1\.0\.") as refusal:
        to_job(config)
    assert refusal.value.what == "finetune.lr"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("agent=null", r"^agent: expected one of .*cross_entropy, .*, got null\. Leave it out or write"),
        ("data=3", r"^data: .* got 3\. .* write data=<name>; see"),
        ("model=true", "^model: .* got true"),
        ("finetune@dense=NULL", "^finetune: .* got NULL"),
        ("constraint=[flops,[1.5]]", r"^constraint: .* got \[flops,\[1\.5\]\]"),
        ("agent=random,null", "^agent: .* got random,null"),
        ("spec/repair@repair=null", "^spec/repair: expected a name, got null"),
    ],
)
def test_what_is_no_name_is_no_choice(word: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_choices(["seed=1", word], CONF)


@pytest.mark.parametrize(
    "words",
    [
        ("threads=null", "model.weights=null", "+constraint.flops.limit=0.5", "hydra.run.dir=null", "seed=range(1,3)"),
        ("agent=random", "constraint=[flops,latency]", "constraint=[]", "agent=random,uniform", "data='digits'"),
        ("-m", "--cfg", "job", "~search", "--config-dir=null", "agent=glob(*)", "search={resume:null}"),
    ],
)
def test_names_and_everything_that_is_no_group_pass(words: tuple[str, ...]) -> None:
    check_choices(words, CONF)


def test_only_exported_specs_are_made() -> None:
    config = composed()
    config.agent._target_ = "os.system"
    with pytest.raises(InputError, match=r"^agent\._target_: expected an exported spec of cpruner, got os\.system"):
        to_job(config)


def test_an_option_the_spec_does_not_have_is_named() -> None:
    config = composed("+model.colour=red")
    with pytest.raises(InputError, match=r"^model\.colour: .* Its options are width, stages, blocks, inner, seed\."):
        to_job(config)


def test_the_job_of_a_run_directory(tmp_path: Path) -> None:
    config = composed(*TRAINED)
    (tmp_path / "config").mkdir()
    OmegaConf.save(config, tmp_path / CONFIG)
    assert load_job(tmp_path) == to_job(config)


def test_what_is_no_run_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"expected .*config\.yaml, got no such file"):
        load_job(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / CONFIG).write_text("- a\n- list\n")
    with pytest.raises(ArtefactError, match="expected a mapping, got a list"):
        load_job(tmp_path)


def test_a_run_to_resume_is_meant_as_it_is_now(tmp_path: Path) -> None:
    """``latest`` is moved to the new run before the old one is read."""
    (tmp_path / "first").mkdir()
    link = tmp_path / "latest"
    link.symlink_to("first")
    job = to_job(composed(f"search.resume={link}"))
    link.unlink()
    link.symlink_to("second")
    assert job.search.resume == str(tmp_path / "first")

"""Every choice of the command line: names of config groups and options, and the specs they stand for."""

from collections.abc import Mapping

from cpruner import agent, constraint, data, model
from cpruner.env import PruningProblem
from cpruner.evaluate import Judging
from cpruner.finetune import FineTune
from cpruner.history import Past
from cpruner.pool import Pool
from cpruner.ranking import Rank
from cpruner.repair import Polish, Repair
from cpruner.search import Assistant, Search
from cpruner.space import Scope

#: Config group -> option name -> spec class. A new plug-in is one more line here and one YAML file.
SPECS: Mapping[str, Mapping[str, type]] = {
    "model": {
        "small": model.SmallResNet,
        "cifar_densenet": model.CifarDenseNet,
        "cifar_mobilenet_v1": model.CifarMobileNetV1,
        "cifar_mobilenet_v2": model.CifarMobileNetV2,
        "cifar_resnet": model.CifarResNet,
        "cifar_vgg": model.CifarVGG,
        "preact_resnet": model.PreActResNet,
        "wide_resnet": model.WideResNet,
        "torchvision": model.Torchvision,
    },
    "data": {"digits": data.Digits, "cifar10": data.Cifar10, "image_folder": data.ImageFolder},
    "constraint": {
        "flops": constraint.Flops,
        "macs": constraint.Macs,
        "params": constraint.Params,
        "latency": constraint.Latency,
        "external": constraint.External,
    },
    "agent": {
        "on_policy": agent.OnPolicy,
        "annealing": agent.Annealing,
        "cma_es": agent.CMAES,
        "cross_entropy": agent.CrossEntropy,
        "ddpg": agent.DDPG,
        "dqn": agent.DQN,
        "plan": agent.Plan,
        "shrink": agent.Shrink,
        "uniform": agent.Uniform,
        "random": agent.Random,
    },
    "agent/update": {
        "clipped": agent.Clipped,
        "constrained": agent.Constrained,
        "cup": agent.CUP,
        "focops": agent.FOCOPS,
        "p3o": agent.P3O,
        "policy_gradient": agent.PolicyGradient,
        "trust_region": agent.TrustRegion,
    },
    "agent/multiplier": {
        "gradient_ascent": agent.GradientAscent,
        "pid": agent.PID,
        "nupi": agent.NuPI,
        "softplus_adam": agent.SoftplusAdam,
    },
    "agent/policy": {
        "gaussian": agent.Gaussian,
        "squashed": agent.Squashed,
        "beta": agent.Beta,
        "categorical": agent.Categorical,
        "bernoulli": agent.Bernoulli,
    },
    "agent/encoder": {
        "perceptron": agent.Perceptron,
        "recurrent": agent.Recurrent,
        "attention": agent.Attention,
        "table": agent.Table,
    },
    "search": {"search": Search},
    "warm_up": {"warm_up": agent.WarmUp},
    "assistant": {"assistant": Assistant},
    "past": {"past": Past},
    "finetune": {"finetune": FineTune},
    "repair": {"repair": Repair},
    "ranking": {"ranking": Rank},
    "polish": {"polish": Polish},
    "problem": {"problem": PruningProblem},
    "judging": {"judging": Judging},
    "space": {"space": Scope},
    "pool": {"pool": Pool},
}

"""One run of a network, and everything that is written down about it."""

from cpruner.space.run.frames import follow
from cpruner.space.run.modes import asked
from cpruner.space.run.module_rule import ModuleCall, ModuleRule, RuleRunner
from cpruner.space.run.record import VIEWS, Entry, Frame, Opaque, Recorder, Training, Value, values_of
from cpruner.space.run.run import evaluating, run, untouched
from cpruner.space.run.tracer import BATCH_NORMS, STATISTICS, Call, Cost, Norm, Rule, Tracer, freeze_operands
from cpruner.space.run.training import follow_training
from cpruner.space.run.values import as_inputs, fresh, tensors_of

__all__ = [
    "BATCH_NORMS",
    "STATISTICS",
    "VIEWS",
    "Call",
    "Cost",
    "Entry",
    "Frame",
    "ModuleCall",
    "ModuleRule",
    "Norm",
    "Opaque",
    "Recorder",
    "Rule",
    "RuleRunner",
    "Tracer",
    "Training",
    "Value",
    "as_inputs",
    "asked",
    "evaluating",
    "follow",
    "follow_training",
    "freeze_operands",
    "fresh",
    "run",
    "tensors_of",
    "untouched",
    "values_of",
]

"""Off-policy agents: they learn from a replay of earlier episodes, whoever played them."""

from cpruner.agent.off_policy.ddpg import DDPG
from cpruner.agent.off_policy.ddpg_agent import DDPGAgent
from cpruner.agent.off_policy.dqn import DQN
from cpruner.agent.off_policy.dqn_agent import DQNAgent

__all__ = [
    "DDPG",
    "DQN",
    "DDPGAgent",
    "DQNAgent",
]

"""The small problem of constrained policy optimisation, a linear objective on a ball cut by half-spaces.

With D numbers y::

    maximise g . y   subject to   a_k . y + c_k <= 0 for k = 1..K,   |y| <= r

It is solved by least-distance programming, that is by asking for the point of smallest norm in a polyhedron, which
non-negative least squares answer in finitely many steps (Lawson and Hanson 1974, chapter 23). The largest objective
t is the largest for which that point of the polyhedron with g . y >= t still lies in the ball. All numbers are of the
order of 1 on the way, whatever is degenerate: duplicate or contradictory constraints, zero gradients, no gradient at
all. Solving the dual for a given multiplier of the ball needs far points instead where g is nearly normal to a
constraint, which is how it is near the optimum of an agent.

Axis letters: D dimensions, K constraints, M rows of a system.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.optimize import nnls

from cpruner.cmdp import Array

_HALVINGS = 50
_ERROR = 1e-9
_TOUCH = 1e-7  # what is this close to its bound, in radii, may have a multiplier


@final
@dataclass(frozen=True)
class Answer:
    """Solution of the small problem.

    Args:
        step_D: y.
        price_K: Multipliers nu_k of the constraints, in units of g . y per unit of a_k . y.
        trust: Multiplier lambda of |y|^2 / 2 <= r^2 / 2; g = sum_k nu_k a_k + lambda y.
        feasible: Whether the ball holds a feasible point; if not, y has the smallest worst violation.
    """

    step_D: Array
    price_K: Array
    trust: float
    feasible: bool


def solve(gain_D: Array, slope_KD: Array, violation_K: Array, radius: float) -> Answer:
    """Solve the small problem; where it has no feasible point, make the worst violation small.

    Args:
        gain_D: g.
        slope_KD: a_k.
        violation_K: c_k.
        radius: r.
    """
    size_K = radius * np.linalg.norm(slope_KD, axis=1)
    moving_K = size_K > 1e-12 * np.maximum(np.abs(violation_K), 1e-12)  # the others are what they are
    normal_KD, offset_K = slope_KD[moving_K] * radius / size_K[moving_K, None], violation_K[moving_K] / size_K[moving_K]
    start_D = _nearest(normal_KD, offset_K)
    if start_D is None or bool((violation_K[~moving_K] > 0.0).any()):
        step_D = _least_violation(normal_KD, violation_K[moving_K], size_K[moving_K], len(gain_D))
        return Answer(radius * step_D, np.zeros(len(violation_K)), 0.0, feasible=False)
    gain = float(np.linalg.norm(gain_D))
    if gain == 0.0:
        return Answer(radius * start_D, np.zeros(len(violation_K)), 0.0, feasible=True)
    point_D = _highest(gain_D / gain, normal_KD, offset_K, start_D)
    price_K, trust = np.zeros(len(violation_K)), 0.0
    price_K[moving_K], trust = _multipliers(gain_D / gain, normal_KD, offset_K, point_D)
    price_K[moving_K] *= gain * radius / size_K[moving_K]
    return Answer(radius * point_D, price_K, trust * gain / radius, feasible=True)


def _nearest(normal_MD: Array, offset_M: Array) -> Array | None:
    """The point of smallest norm with n_m . z + e_m <= 0, rows of unit length; None if none is in the unit ball.

    With E = (-N e)^T and f = (0, .., 0, 1), u >= 0 that minimises |E u - f| leaves a residual R = E u - f, and
    z = -R_1..D / R_D+1; there is no such point if R = 0.
    """
    near_M = offset_M > -1.0  # the ball does not reach the others
    if (offset_M > 1.0).any():
        return None
    if not (near_M & (offset_M > 0.0)).any():
        return np.zeros(normal_MD.shape[1])
    system_XM = np.vstack([-normal_MD[near_M].T, offset_M[near_M]])
    target_X = np.zeros(len(system_XM))
    target_X[-1] = 1.0
    weight_M, _ = nnls(system_XM, target_X, maxiter=100 * len(system_XM) * len(offset_M))
    residual_X = system_XM @ weight_M - target_X
    if -residual_X[-1] < 0.5 - 1e-9:  # |R|^2 = -R_D+1 = 1 / (1 + |z|^2)
        return None
    point_D = -residual_X[:-1] / residual_X[-1]
    inside = bool((normal_MD @ point_D + offset_M <= _ERROR).all())  # the solver's tolerance hides slim contradictions
    return point_D if inside else None


def _highest(gain_D: Array, normal_MD: Array, offset_M: Array, start_D: Array) -> Array:
    """The point of the unit ball with the largest gain, among those n_m . z + e_m <= 0; the gain has unit length."""
    rows_MD = np.vstack([normal_MD, -gain_D])
    return _edge(lambda t: _nearest(rows_MD, np.append(offset_M, t)), float(gain_D @ start_D), 1.0, start_D)


def _least_violation(normal_MD: Array, violation_M: Array, size_M: Array, dimensions: int) -> Array:
    """The point of the unit ball with the smallest max_m(c_m + |a_m| r n_m . z), and of these the nearest."""
    worst = float(violation_M.max(initial=0.0))
    return _edge(lambda t: _nearest(normal_MD, (violation_M - t) / size_M), worst, 0.0, np.zeros(dimensions))


def _edge(point: Callable[[float], Array | None], good: float, wanted: float, start_D: Array) -> Array:
    """The last point there is on the way from ``good``, where it is ``start_D``, to ``wanted``; by bisection."""
    best_D = point(wanted)
    if best_D is not None:
        return best_D
    best_D, bad = start_D, wanted
    for _ in range(_HALVINGS):
        middle = 0.5 * (good + bad)
        middle_D = point(middle)
        if middle_D is None:
            bad = middle
        else:
            good, best_D = middle, middle_D
    return best_D


def _multipliers(gain_D: Array, normal_MD: Array, offset_M: Array, point_D: Array) -> tuple[Array, float]:
    """Multipliers nu >= 0 and lambda >= 0 of the bounds that are touched, with gain = sum_m nu_m n_m + lambda z."""
    touched_M = normal_MD @ point_D + offset_M > -_TOUCH
    outer = float(np.linalg.norm(point_D)) > 1.0 - _TOUCH
    columns_DX = np.column_stack([normal_MD[touched_M].T, *([point_D] if outer else [])])
    price_M = np.zeros(len(offset_M))
    if columns_DX.shape[1] == 0:
        return price_M, 0.0
    weight_X, _ = nnls(columns_DX, gain_D, maxiter=100 * columns_DX.size)
    price_M[touched_M] = weight_X[: int(touched_M.sum())]
    return price_M, float(weight_X[-1]) if outer else 0.0

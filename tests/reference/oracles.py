"""Other people's models, written plainly: used only to check that data and arithmetic agree with what was published."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, hyp2f1, roots_jacobi

from segmentation.maths.purchases import BgNbd

Array = NDArray[Any]


def maximise(log_likelihood: Callable[[Array], float], start: list[float]) -> tuple[Array, float]:
    """Positive parameters with the greatest log-likelihood, and that likelihood."""
    strict = {"ftol": 1e-14, "gtol": 1e-3}
    found = minimize(lambda theta: -log_likelihood(np.exp(theta)), np.log(start), method="L-BFGS-B", options=strict)
    return np.exp(found.x), -float(found.fun)


def pareto_nbd_a0(r: float, alpha: float, s: float, beta: float, x: Array, tx: Array, age: Array) -> Array:
    """A0 of Fader and Hardie (2005), "A note on deriving the Pareto/NBD model"."""
    power = r + s + x
    low, high, second = (beta, alpha, s + 1) if alpha >= beta else (alpha, beta, r + x)

    def part(t: Array) -> Array:
        return hyp2f1(power, second, power + 1, (high - low) / (high + t)) / (high + t) ** power

    return part(tx) - part(age)


def pareto_nbd(params: Array, x: Array, tx: Array, age: Array) -> float:
    r, alpha, s, beta = params
    a0 = pareto_nbd_a0(r, alpha, s, beta, x, tx, age)
    inner = (alpha + age) ** -(r + x) * (beta + age) ** -s + s / (r + s + x) * a0
    return float((gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta) + np.log(inner)).sum())


def pareto_nbd_alive(params: Array, x: Array, tx: Array, age: Array) -> Array:
    r, alpha, s, beta = params
    a0 = pareto_nbd_a0(r, alpha, s, beta, x, tx, age)
    return 1 / (1 + s / (r + s + x) * (alpha + age) ** (r + x) * (beta + age) ** s * a0)


def pareto_nbd_expected(params: Array, x: Array, tx: Array, age: Array, t: float) -> Array:
    r, alpha, s, beta = params
    still = 1 - ((beta + age) / (beta + age + t)) ** (s - 1)
    return pareto_nbd_alive(params, x, tx, age) * (r + x) * (beta + age) / ((alpha + age) * (s - 1)) * still


def mbg_nbd(params: Array, x: Array, tx: Array, age: Array) -> float:
    """Batislam, Denizel and Filiztekin (2007): BG/NBD in which the first purchase may already be the last."""
    r, alpha, a, b = params
    base = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
    alive = betaln(a, b + x + 1) - (r + x) * np.log(alpha + age)
    left = betaln(a + 1, b + x) - (r + x) * np.log(alpha + tx)
    return float((base + np.logaddexp(alive, left)).sum())


def gamma_gamma(params: Array, x: Array, spend: Array) -> float:
    """Fader and Hardie (2013), "The Gamma-Gamma model of monetary value"; `spend` is the mean of x purchases."""
    p, q, gamma = params
    of_x = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(gamma) + p * x * np.log(x)
    return float((of_x + (p * x - 1) * np.log(spend) - (p * x + q) * np.log(gamma + x * spend)).sum())


def gamma_gamma_spend(params: Array, x: Array, spend: Array) -> Array:
    p, q, gamma = params
    return p * (gamma + x * spend) / (p * x + q - 1)


def bg_nbd_given_alive(params: BgNbd, x: float, age: float, t: float, nodes: int = 200) -> float:
    """Expected purchases within t of a customer who is alive: the integral over the drop-out probability itself.

    Given rate l and drop-out p it is (1 - exp(-l p t)) / p; l is gamma(r + x, alpha + T), p is beta(a, b + x).
    """
    place, weight = roots_jacobi(nodes, params.b + x - 1, params.a - 1)
    p = (1 + place) / 2
    inside = -np.expm1(-(params.r + x) * np.log1p(p * t / (params.alpha + age))) / p
    return float((weight * inside).sum() / weight.sum())

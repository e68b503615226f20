"""The models are scikit-gstat's, and positive definite where kriging uses them."""

import numpy as np
import pytest

from gasflux_core.covariance import unit_correlation, unit_semivariance

CASES = [
    ("spherical", 1.5),
    ("exponential", 1.5),
    ("gaussian", 1.5),
    ("cubic", 1.5),
    ("matern", 0.5),
    ("matern", 0.8),
    ("matern", 1.5),
    ("matern", 2.5),
    ("matern", 7.0),
    ("stable", 1.3),
]


@pytest.mark.parametrize(("model", "smoothness"), CASES)
def test_equals_scikit_gstat(model, smoothness):
    from skgstat import models

    lag = np.concatenate([[0.0], np.geomspace(1e-3, 40, 60)])
    function = getattr(models, model)
    function = getattr(function, "__wrapped__", function)
    function = getattr(function, "py_func", function)
    more = (smoothness,) if model in ("matern", "stable") else ()
    expected = [function(h * 37.0, 37.0, 2.5, *more, 0.0) for h in lag]
    np.testing.assert_allclose(2.5 * unit_semivariance(model, lag, smoothness), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("model", "smoothness"), CASES)
def test_correlation_is_one_minus_semivariance(model, smoothness):
    lag = np.linspace(0, 3, 301)
    expected = 1 - unit_semivariance(model, lag, smoothness)
    np.testing.assert_allclose(unit_correlation(model, lag**2, smoothness), expected, atol=1e-14)


@pytest.mark.parametrize(("model", "power"), [("spherical", 1), ("exponential", 1), ("gaussian", 2), ("matern", 2)])
def test_small_lags_keep_their_digits(model, power):
    # γ(h) ~ c hᵖ: halving the lag must divide γ by 2ᵖ, also far below the resolution of 1 − γ
    fine, coarse = unit_semivariance(model, np.array([1e-6, 2e-6]), 1.5)
    assert coarse / fine == pytest.approx(2**power, rel=1e-4)


@pytest.mark.parametrize(("model", "smoothness"), CASES)
def test_rises_from_zero_to_its_sill(model, smoothness):
    gamma = unit_semivariance(model, np.linspace(0, 60, 2000), smoothness)
    assert gamma[0] == 0
    assert np.all(np.diff(gamma) > -1e-12)
    assert gamma[-1] == pytest.approx(1, abs=1e-3)
    # the effective range is where 0.95 of the sill are reached, or the sill itself
    assert 0.93 <= unit_semivariance(model, np.array([1.0]), smoothness)[0] <= 1

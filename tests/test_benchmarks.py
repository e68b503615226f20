"""What the benchmarks tell without running it."""

import numpy as np
import pytest

from benchmarks.kriging_peers import Way, problem
from benchmarks.kriging_scaling import exponent
from benchmarks.kriging_ways import WAYS

CELLS = [(1_000, 700), (5_000, 700), (1_000, 20_000), (5_000, 20_000)]


@pytest.mark.parametrize("law", [lambda n, m: 2e-12 * n**2 * m, lambda n, m: 3e-9 * n * m, lambda n, m: 1e-4 * m])
def test_times_follow_the_law_of_the_smaller_problems(law):
    way = Way("peer", seconds={cell: law(*cell) for cell in CELLS})
    assert way.expected_seconds((20_000, 500_000)) == pytest.approx(law(20_000, 500_000), rel=1e-6)


def test_a_run_that_was_stopped_counts_as_that_long():
    way = Way("peer", seconds={(1_000, 700): 1.0}, stopped={(1_000, 20_000): 20.0})
    assert way.expected_seconds((1_000, 20_000)) == pytest.approx(20.0)
    assert way.expected_seconds((1_000, 500_000)) > 400


def test_nothing_is_expected_of_what_was_never_run():
    assert Way("peer").expected_seconds((20_000, 500_000)) == 0


def test_exponent_of_a_power():
    assert exponent({10: 5.0, 100: 500.0, 1_000: 50_000.0}) == pytest.approx(2.0)


def test_all_ways_of_this_program_agree():
    samples, values, nodes = problem(300, (20, 10))
    estimate, error = WAYS["here"]()(samples, values, nodes)
    for name in ("here, near", "here, k = 32", "here, k = 32, own"):
        found = WAYS[name]()(samples, values, nodes)
        assert np.all(np.abs(found[0] - estimate) < error)
        np.testing.assert_allclose(found[1], error, rtol=0.02)

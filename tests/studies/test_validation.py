"""The test that every estimator could fail, in small, and its kept outcome."""

import numpy as np
import pytest
import validation
from side_by_side import HEADLINE
from validation import judged

from mer_utils.results import kept


def test_validation_passes_good_and_fails_bad_estimators():
    found = validation.validate_ceilings(
        (10,), ("light", "normal"), (0.25,), n_songs=500, n_repeats=3, n_resamples=40
    )
    verdict = validation.passes(found, bias=0.06, least_coverage=0.6)
    verdict = verdict[verdict["part"].eq("all")]
    verdict = verdict.set_index(["estimator", "shape", "tails"])["passes"].sort_index()
    assert verdict["transferred", "measured"].all()
    assert verdict["analytic", "measured", "normal"] and verdict["analytic", "measured", "light"]
    assert verdict["hierarchical", "normal", "normal"]
    assert not verdict["analytic", "normal", "light"]
    assert not verdict["null", "normal", "light"]
    with pytest.raises(ValueError, match="light, normal, heavy"):
        validation.song_probabilities(5, "odd", 0.1, np.random.default_rng(0))


def test_the_headline_is_what_passes_everywhere():
    verdict = judged(kept("ceilings", "validation"))
    ours = verdict[verdict["estimator"].eq(HEADLINE[0])]
    assert set(ours["raters"]) == {3, 5, 10, 24, 60} and set(ours["tails"]) == set(validation.TAILS)
    assert ours["passes"].all()
    assert not verdict[verdict["estimator"].ne(HEADLINE[0])]["passes"].all()

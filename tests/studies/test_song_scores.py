"""What a predicted SD earns: nothing for width, something for songs; whose error may it know?"""

from dataclasses import replace

import numpy as np
import pytest
import song_scores as study
from cases import Judges
from fits import LEAST
from small_case import as_fit, rated, small_case

from mer_utils.methods.listeners import maximum_entropy, moments_of
from mer_utils.scoring import next_listener

RNG = np.random.default_rng(0)
CASE = small_case(n=360, n_taught=30, error=0.25)
TRUE = CASE.judges["truth"]
MU = 0.3 * np.tanh(CASE.features[:, [0]] * [1, -1])  # without the error
BAR = as_fit(CASE, MU, 0.4)
SPREAD, OWN = ("crps_spread", "log_spread", "dss_spread"), ("crps_own", "log_own", "dss_own")
COUNTS = rated(TRUE.mean, TRUE.sd, 20_000, RNG)
"""So many judges that the score is what is expected."""


def scores(sigma, mu=MU):
    judged = dict(CASE.judges, many=Judges.of(COUNTS))
    case = study_case(judged)
    got = study.song_scores(case, "many", as_fit(case, mu, sigma), BAR)
    return {name: value.mean() for name, value in got.items()}


def study_case(judges):
    return replace(CASE, judges=judges)


def test_scores_are_those_of_the_next_listener_in_rating_points():
    judges = CASE.judges["held out"]
    sigma = 0.3 + 0.1 * RNG.random(MU.shape)
    fit = as_fit(CASE, MU, sigma)
    got = study.song_scores(CASE, "held out", fit, BAR)
    p = maximum_entropy(MU, sigma, 5)
    np.testing.assert_allclose(got["crps"], 2 * next_listener.crps(p, judges.counts))
    np.testing.assert_allclose(got["log"], next_listener.log_score(p, judges.counts))
    p = maximum_entropy(MU, fit.around(BAR)[0], 5)
    np.testing.assert_allclose(got["crps_spread"], 2 * next_listener.crps(p, judges.counts))
    p = maximum_entropy(judges.mean, study.own_spread(CASE, "held out", fit)[0], 5)
    np.testing.assert_allclose(got["log_own"], next_listener.log_score(p, judges.counts))
    moments = study.song_scores(CASE, "truth", fit, BAR)
    assert set(moments) == {"dss", "dss_spread", "dss_own"}


def test_the_own_spread_is_right_on_average_for_each_panel():
    fit = as_fit(CASE, MU, 0.9)  # far too wide
    for panel in ("held out", "truth"):
        wanted = (CASE.judges[panel].sd ** 2).mean(0)
        got = (study.own_spread(CASE, panel, fit)[0] ** 2).mean(0)
        np.testing.assert_allclose(got, wanted, rtol=0.06)
    narrow = as_fit(CASE, MU, np.abs(RNG.normal(size=MU.shape)))
    assert study.own_spread(CASE, "truth", narrow).min() == LEAST


def test_width_earns_nothing_where_the_spread_alone_is_scored():
    sigma = TRUE.sd * 0.98
    base, wide = scores(sigma), scores(np.sqrt(sigma**2 + 0.1))
    for name in SPREAD + OWN:
        assert wide[name] == pytest.approx(base[name], abs=1e-12)
    assert abs(wide["crps"] - base["crps"]) > 1e-3


def test_the_true_spread_earns_noise_costs_and_more_noise_costs_more():
    constant, true = scores(np.full(MU.shape, 0.4)), scores(TRUE.sd)
    noise = RNG.normal(size=MU.shape)
    some, much = (scores(np.sqrt(0.16 * np.exp(t * noise))) for t in (0.15, 0.3))
    for name in SPREAD + OWN:
        assert true[name] < constant[name] < some[name] < much[name]


def test_who_knows_where_the_mean_is_wrong_earns_in_the_one_score_and_not_in_the_other():
    """The SD of the listeners is not known at all: only how far the predicted mean is off."""
    error = np.abs(TRUE.mean - MU)
    constant, knows = scores(np.full(MU.shape, 0.4)), scores(np.sqrt(0.1 + error**2))
    for name in SPREAD:
        assert knows[name] < constant[name] - 0.001
    for name in OWN:
        assert knows[name] > constant[name]


def test_panels_of_few_are_narrower_around_their_own_mean():
    fit = as_fit(CASE, MU, TRUE.sd * np.sqrt(29 / 30))
    for n in (3, 8, 30):
        counts = rated(TRUE.mean, TRUE.sd, n, np.random.default_rng(n))
        case = study_case({"few": Judges.of(counts)})
        got = (study.own_spread(case, "few", fit)[0] ** 2).mean(0)
        shown = (moments_of(counts / n)[1] ** 2).mean(0)
        np.testing.assert_allclose(got, shown, rtol=0.12)

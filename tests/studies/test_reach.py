"""How high scores of the SD could be: from what was seen, and from the truth where it is known."""

import cases
import numpy as np
import pytest
import reach

from mer_utils.ceiling.listener_groups import measured_ceiling, sd_alone


def test_musifeast_is_seen_in_as_many_groups_as_judge():
    designs = {case.design: case for case in cases.musifeast()}
    table = reach.rows([designs["few"]]).set_index(["judges", "score", "dimension"])["value"]
    for judges, groups in (("same", 2), ("held out", 6)):
        seen = measured_ceiling(groups, sd_alone, n_resamples=10).set_index("dimension")["value"]
        for dimension in ("valence", "arousal"):
            assert table[judges, "r2", dimension] == pytest.approx(seen[dimension])
            assert table[judges, "spearman", dimension] == pytest.approx(seen[dimension] ** 0.5)
    assert (table["held out"] > table["same"]).all()  # more listeners


def test_a_perfect_prediction_reaches_it_where_the_truth_is_known():
    table = reach.rows([cases.world("planted")])
    r2 = table[table["score"].eq("r2")].set_index("judges")["value"]
    assert np.allclose(r2["truth"], 1) and (r2["held out"] < 0.6).all()
    weak = reach.rows([cases.world("like")]).set_index(["judges", "score"])["value"]
    assert (weak["held out", "r2"] < r2["held out"].min()).all()


def test_film_music_has_more_raters_in_all_than_in_a_quarter(soundtracks_root):
    made = cases.soundtracks(soundtracks_root)
    whole, quarter = (reach.rows([case]).set_index("score")["value"] for case in made[:2])
    assert (whole["r2"].to_numpy() > quarter["r2"].to_numpy()).all()
    assert set(reach.rows(made[:1])["dimension"]) == {"valence", "energy"}

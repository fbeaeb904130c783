"""Raters for a wanted reliability."""

import numpy as np
import raters_needed


def test_raters_needed_orders_its_interval():
    table = raters_needed.raters_needed((0.2, 0.1, 0.3)).set_index("target")
    assert (table["low"] <= table["raters"]).all() and (table["raters"] <= table["high"]).all()
    assert table["raters"].is_monotonic_increasing
    assert raters_needed.raters_needed((0.2, 0.0, 0.3))["high"].eq(np.inf).all()

"""Run cells of a notebook by their ids, to test functions that stand on a page."""

import matplotlib
import nbformat
from conftest import ROOT


def run_cells(page, *ids, **names):
    """What the cells with these ids define, given ``names``."""
    cells = {cell["id"]: cell for cell in nbformat.read(ROOT / page, 4).cells}
    with matplotlib.rc_context():  # a page switches to the style of the book
        for name in ids:
            exec(cells[name].source, names)
    return names

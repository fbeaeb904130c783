"""mer_utils: the thin, tested module behind the book.

``import mer_utils as mer`` offers what several chapters use. A name is loaded when it is first
asked for, so the import itself costs nothing.

===========================  =====================================================================
``mer.check_parameters``     check a page's parameters; its second cell
``mer.between``              a range, for a parameter that only one page has
``mer.get_profile``          what "paper" and "quick" mean: seeds, epochs, resamples
``mer.load``                 songs by name: means, SDs and features
``mer.DIMENSIONS``           ("valence", "arousal"), those of the music data sets
``mer.Experiment``           what to train: data, split, loss, seeds, protocol
``mer.SPLITS``               what its ``split`` may be: "auto", "single", "folds"
``mer.run``                  train it, or read it from the cache
``mer.PAPER_LOSSES``         ("mse", "kld", "nll")
``mer.aggregate``            many predictions to one mean and one spread
``mer.predictions``          every method's predictions for the test songs of a result
``mer.score``                every score of every method, with intervals
``mer.bootstrap``            a score with its 95% interval over songs
``mer.r2``                   coefficient of determination
``mer.spearman``             rank correlation
``mer.r2_parts``             why an R2 is what it is: ranking, spread, level
``mer.judge``                the paper's claims, each with its verdict
``mer.ceilings_of``          the highest scores that anyone could reach on these songs
``mer.highest``              one of them, with its interval or bracket
``mer.kept``                 a table of ``results/``
``mer.read_results``         scores, claims and provenance of ``mer run``
``mer.use_style``            the book's figure style, from here on
``mer.captioned``            a table for a page
``mer.pivot_text``           a long table as a page shows it
``mer.pick``                 one score of several methods
``mer.for_forest``           these as arguments of the figure ``forest``
``mer.compare_with_paper``   our scores beside the paper's words
``mer.readable``             that comparison for a page
``mer.glue``                 name a number for the prose
``mer.save_scores``          write and show a page's scores; its last cell
===========================  =====================================================================

Data flow, one direction only::

    ratings -> targets per song -> + features -> split -> a stack of heads
            -> predictions (mu, sigma) per member -> aggregation -> scores -> figures

Rooms, each of which imports only those above it: ``data``, ``embed``, ``model``, ``scoring``, then
``ceiling``, ``controls`` and ``audit``, then ``show`` (what pages show) and ``book`` (building it).

Conventions (every module follows them):

* Dimensions are on the last axis; DEAM and MUSIFEAST-17 have ``("valence", "arousal")``.
* ``rating_mean`` and ``rating_sd`` are on the rating scale of the data set, ``low`` to ``high``.
* ``mean``, ``sd`` (targets) and ``mu``, ``sigma`` (predictions) are in model space: a rating less
  the middle of the scale, over its half range, in [-1, 1]; an SD over the half range.
* Arrays are ``(n_songs, n_dimensions)``; a stack of members adds an axis in front.
* A data set says with which ``ddof`` its SDs were made.
"""

import importlib

__version__ = "0.1.0"

_HOMES = {
    "data.dataset": ("DIMENSIONS",),
    "data.load": ("load",),
    "model.losses": ("PAPER_LOSSES",),
    "model.experiment": ("SPLITS", "Experiment", "get_profile"),
    "model.run": ("run",),
    "model.sampling": ("aggregate",),
    "scoring.score_table": ("predictions", "score"),
    "scoring.intervals": ("bootstrap",),
    "scoring.metrics": ("r2", "spearman"),
    "scoring.parts": ("r2_parts",),
    "scoring.claims": ("judge",),
    "ceiling.of_data": ("ceilings_of",),
    "ceiling.shares": ("highest",),
    "results": ("kept", "read_results"),
    "show.style": ("use_style",),
    "show.layout": ("captioned", "pivot_text", "for_forest"),
    "show.tables": ("pick", "compare_with_paper", "readable"),
    "book.notebook": ("between", "check_parameters", "glue", "save_scores"),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module 'mer_utils' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *__all__])

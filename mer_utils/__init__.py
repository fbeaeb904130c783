"""mer_utils: the thin, tested module behind the book.

Data flow, one direction only::

    ratings -> targets per song -> + features -> split -> a stack of heads
            -> predictions (mu, sigma) per member -> aggregation -> scores -> figures

Conventions (every module follows them):

* Dimensions are ``("valence", "arousal")``, in this order, on the last axis.
* ``rating_mean`` and ``rating_sd`` are on the 1-9 rating scale.
* ``mean``, ``sd`` (targets) and ``mu``, ``sigma`` (predictions) are in model space:
  ``y = (rating - 5) / 4`` in [-1, 1], and an SD divided by 4.
* Arrays are ``(n_songs, 2)``; a stack of members adds an axis in front.
* SDs are population SDs (ddof=0) unless a docstring says otherwise.
"""

__version__ = "0.1.0"

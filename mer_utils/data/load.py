"""Songs by name: the one door to a data set, for pages, experiments and studies."""

from functools import lru_cache
from pathlib import Path

from mer_utils.data.csv_tables import DataError
from mer_utils.data.dataset import Dataset
from mer_utils.data.deam import deam_root, load_deam
from mer_utils.data.musifeast import FEW, GROUPS, load_musifeast
from mer_utils.data.own_folder import DESCRIPTION, is_own
from mer_utils.data.own_ratings import load_own
from mer_utils.data.simulated_files import simulated_root

NAMES = ("simulated", "musifeast", "deam")
"""The data sets with a name; any other is a folder of own ratings."""


def load(
    dataset="musifeast",
    data="",
    labels="as_distributed",
    features="auto",
    disagreement="deam_like",
    *,
    profile=None,
    seed=None,
    split=None,
) -> Dataset:
    """A data set by name; asked again in the same process, the same object.

    Parameters
    ----------
    dataset : {"simulated", "musifeast", "deam"} or path
        "simulated" writes the default data into the cache once and reads them with the same
        loader as DEAM; "musifeast" is real music, which the repository holds. A path is a folder
        of own ratings: :mod:`mer_utils.data.own_ratings`.
    data : str
        Folder of DEAM; ``$DEAM_ROOT`` if empty.
    labels : {"as_distributed", "corrected", "few_listeners"}
        "corrected": DEAM only, see :func:`mer_utils.data.deam.load_deam`. "few_listeners":
        MUSIFEAST-17 only, 7 to 10 listeners a clip in place of 30 to 38.
    features
        As in the loader of the data set; may be None.
    disagreement : {"none", "deam_like", "planted"}
        Simulated data only.
    profile, seed, split
        Not used: so that ``load(**params)`` takes the parameters of a page as they are.

    Raises
    ------
    DataError (a ValueError)
        For an unknown name, or what the loader of the data set finds wrong.
    """
    if dataset not in NAMES and is_own(dataset):
        dataset = str(Path(dataset).expanduser().resolve())
    folder = deam_root(data or None) if dataset == "deam" else data or ""
    return _load(dataset, str(folder), labels, features, disagreement)


@lru_cache(maxsize=8)
def _load(dataset, data, labels, features, disagreement):
    if dataset == "simulated":
        if data:
            raise DataError(f"data={data!r} goes with dataset='deam'; simulated data are made")
        if features not in ("auto", None):
            raise DataError(f"features={features!r} goes with dataset='deam'")
        return load_deam(simulated_root(disagreement), labels=labels, features=features)
    if dataset == "deam":
        return load_deam(data, labels=labels, features=features)
    if dataset not in NAMES:
        if not is_own(dataset):
            raise DataError(
                f"unknown dataset {str(dataset)!r}: choose one of {', '.join(NAMES)}, or a folder "
                f"that holds {DESCRIPTION} (mer init FOLDER makes one)"
            )
        if data or labels != "as_distributed":
            raise DataError(f"own ratings have no {data=}, and no {labels=}: only 'as_distributed'")
        return load_own(dataset, features)
    listeners = {"as_distributed": GROUPS, "few_listeners": FEW}
    if data:
        raise DataError(f"data={data!r} goes with dataset='deam'; MUSIFEAST-17 is at hand")
    if labels not in listeners:
        raise DataError(f"labels={labels!r}: MUSIFEAST-17 has {' and '.join(listeners)}")
    return load_musifeast(listeners[labels], features)

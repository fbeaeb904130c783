"""Songs by name: the one door to a data set, for pages, experiments and studies."""

from functools import lru_cache

from mer_utils.data.csv_tables import DataError
from mer_utils.data.dataset import Dataset
from mer_utils.data.deam import deam_root, load_deam
from mer_utils.data.simulated_files import simulated_root


def load(
    dataset="simulated",
    data="",
    labels="as_distributed",
    features="auto",
    disagreement="deam_like",
    *,
    profile=None,
    seed=None,
) -> Dataset:
    """A data set by name; asked again in the same process, the same object.

    Parameters
    ----------
    dataset : {"simulated", "deam"}
        "simulated" writes the default data into the cache once and reads them with the same
        loader as DEAM.
    data : str
        Folder of DEAM; ``$DEAM_ROOT`` if empty.
    labels, features
        As in :func:`mer_utils.data.deam.load_deam`; ``features`` may be None.
    disagreement : {"none", "deam_like", "planted"}
        Simulated data only.
    profile, seed
        Not used: so that ``load(**params)`` takes the parameters of a page as they are.

    Raises
    ------
    DataError (a ValueError)
        For an unknown name, or what :func:`load_deam` finds wrong.
    """
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
    raise DataError(f"unknown dataset {dataset!r}: choose 'simulated' or 'deam'")

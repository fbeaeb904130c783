"""How the constants of :mod:`mer_utils.data.simulate` were found, and how well they fit DEAM.

``python studies/tune_simulator.py`` prints each target beside what the simulator gives, with
the spread across seeds. ``--tune`` finds the constants again and prints them. It writes no file.

Each tuned constant has one statistic that it mainly moves. Tuning simulates a few fixed
seeds, compares, moves every constant by its own gain, and repeats: a few dozen rounds do.
"""

import argparse
from dataclasses import replace

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mer_utils.data.dataset import DIMENSIONS
from mer_utils.data.ratings import quadratic_fit, quadratic_r2, targets_from_ratings
from mer_utils.data.simulate import CONSTANTS, DISAGREEMENT, draw_ratings, simulate_songs
from mer_utils.model.heads import forward
from mer_utils.model.splits import holdout, standardise
from mer_utils.model.training import train_stack
from mer_utils.scoring.metrics import r2

# statistic: (target, tolerance on one simulated data set). Rating scale 1-9, SDs ddof=0.
# The targets are those of DEAM's 1,744 songs, labels as distributed; the last two rows are
# the paper's head on its embedding, and ridge regression on DEAM's openSMILE song means.
TARGETS = {
    "valence: mean of means": (4.90, 0.06),
    "arousal: mean of means": (4.81, 0.06),
    "valence: SD of means": (1.17, 0.04),
    "arousal: SD of means": (1.29, 0.04),
    "valence: mean of SDs": (1.52, 0.03),
    "arousal: mean of SDs": (1.47, 0.03),
    "valence: SD of SDs": (0.385, 0.02),
    "arousal: SD of SDs": (0.367, 0.02),
    "correlation of the means": (0.588, 0.04),
    "valence: quadratic R2, SD on mean": (0.112, 0.04),
    "arousal: quadratic R2, SD on mean": (0.133, 0.04),
    "valence: reliability of the mean": (0.80, 0.015),
    "arousal: reliability of the mean": (0.85, 0.015),
    "head: R2 of the mean": (0.65, 0.05),
    "ridge: R2 of the SD beyond the quadratic": (0.026, 0.02),
}

# constant: (which entry of it, statistic it is tuned to, gain, lowest, highest)
DIALS = [
    ("mean_centre", 0, "valence: mean of means", 1.0, 1, 9),
    ("mean_centre", 1, "arousal: mean of means", 1.0, 1, 9),
    ("mean_spread", 0, "valence: SD of means", 1.0, 0.1, 4),
    ("mean_spread", 1, "arousal: SD of means", 1.0, 0.1, 4),
    ("mean_correlation", None, "correlation of the means", 1.0, 0, 0.99),
    ("sd_base", 0, "valence: mean of SDs", 1.0, 0.7, 3),
    ("sd_base", 1, "arousal: mean of SDs", 1.0, 0.7, 3),
    ("sd_spread", 0, "valence: SD of SDs", 1.0, 0, 1),
    ("sd_spread", 1, "arousal: SD of SDs", 1.0, 0, 1),
    ("sd_curve", 0, "valence: quadratic R2, SD on mean", -0.2, -0.3, 0),
    ("sd_curve", 1, "arousal: quadratic R2, SD on mean", -0.2, -0.3, 0),
    ("mean_share", None, "head: R2 of the mean", 1.2, 0.1, 1),
    ("sd_share", None, "ridge: R2 of the SD beyond the quadratic", 3.0, 0, 1),
]
HEAD_SD = "head: R2 of the SD"
LEARNED = ("head: R2 of the mean", "ridge: R2 of the SD beyond the quadratic")


def statistics(mean, sd, n_raters=10) -> dict[str, float]:
    """Every target that needs no model, from the songs' means and SDs, both (n_songs, 2).

    Reliability is ``1 - E[SD^2 / (n - 1)] / Var(mean)``: the share of the variance of the
    means that is not the sampling noise of ``n_raters`` raters.
    """
    out = {"correlation of the means": np.corrcoef(mean.T)[0, 1]}
    for j, name in enumerate(DIMENSIONS):
        m, s = mean[:, j], sd[:, j]
        out[f"{name}: mean of means"], out[f"{name}: SD of means"] = m.mean(), m.std()
        out[f"{name}: mean of SDs"], out[f"{name}: SD of SDs"] = s.mean(), s.std()
        out[f"{name}: quadratic R2, SD on mean"] = quadratic_r2(m, s)
        noise = (s**2).mean() / (n_raters - 1)
        out[f"{name}: reliability of the mean"] = 1 - noise / m.var()
    return {key: float(value) for key, value in out.items()}


def ridge_r2(features, target, seed=0) -> float:
    """5-fold R2 of a ridge regression, averaged over the columns of ``target``.

    At most 130 principal components stand for the embedding: as many columns as DEAM's
    openSMILE song means have, and quick.
    """
    reduce = PCA(min(130, features.shape[1]), svd_solver="covariance_eigh")
    model = make_pipeline(StandardScaler(), reduce, RidgeCV(np.logspace(0, 6, 13)))
    folds = KFold(5, shuffle=True, random_state=seed)
    fitted = cross_val_predict(model, features, target, cv=folds)
    return float((1 - (target - fitted).var(0) / target.var(0)).mean())


def sd_ridge_r2(features, mean, sd) -> float:
    """Ridge R2 of the part of the SD that a quadratic in the observed mean leaves."""
    left = [s - quadratic_fit(m, s)(m) for m, s in zip(mean.T, sd.T, strict=True)]
    return ridge_r2(features, np.stack(left, axis=1))


def head_r2(features, mean, sd, seed=0) -> np.ndarray:
    """Test R2 of the paper's head for the mean and the SD; (2, 2): (mean, SD) x dimension.

    One seed and one split (both ``seed``), MSE on mean and SD, the paper's protocol.
    """
    split = holdout(len(mean), seed)
    x, mean, sd = standardise(features, split.train), (mean - 5) / 4, sd / 4
    train, validation = ((x[r], mean[r], sd[r]) for r in (split.train, split.validation))
    stack = train_stack(train, validation, loss="mse", seeds=[seed])
    with torch.no_grad():
        mu, sigma = forward(stack.weights, torch.as_tensor(x[split.test]))
    pairs = ((mean, mu), (sd, sigma))
    return np.concatenate([r2(truth[split.test], guess.numpy()) for truth, guess in pairs])


def measure(constants, seed, *, models, disagreement="deam_like") -> dict[str, float]:
    """All statistics of one simulated data set; those of ``LEARNED`` only with ``models``."""
    n_features = 1024 if models else 1  # ratings do not depend on the embedding's width
    songs = simulate_songs(disagreement, seed=seed, n_features=n_features, constants=constants)
    _, mean, sd, _ = targets_from_ratings(draw_ratings(songs, seed=seed))
    out = statistics(mean, sd)
    if models:
        heads = head_r2(songs.features, mean, sd, seed)
        out[LEARNED[0]], out[HEAD_SD] = heads.mean(1).tolist()
        out[LEARNED[1]] = sd_ridge_r2(songs.features, mean, sd)
    return out


def average(constants, seeds, models, disagreement="deam_like"):
    """Mean and SD across seeds of every statistic."""
    runs = [measure(constants, s, models=models, disagreement=disagreement) for s in seeds]
    values = {name: [run[name] for run in runs] for name in runs[0]}
    return {name: (np.mean(v), np.std(v, ddof=1)) for name, v in values.items()}


def tune(constants=CONSTANTS, rounds=20, seeds=range(100, 104)):
    """Move every dial towards its statistic's target; models join in every 5th round."""
    for k in range(rounds):
        models = k % 5 == 4
        got = average(constants, seeds, models)
        for name, entry, statistic, gain, low, high in DIALS:
            if statistic not in got:
                continue
            step = gain * (TARGETS[statistic][0] - got[statistic][0])
            old = getattr(constants, name)
            if entry is None:
                new = round(float(np.clip(old + step, low, high)), 3)
            else:
                new = list(old)
                new[entry] = round(float(np.clip(old[entry] + step, low, high)), 3)
            constants = replace(constants, **{name: tuple(new) if entry is not None else new})
        gaps = {
            s: abs(TARGETS[s][0] - v[0]) / TARGETS[s][1] for s, v in got.items() if s in TARGETS
        }
        worst = max(gaps, key=gaps.get)
        print(f"round {k + 1}: largest gap {gaps[worst]:.2f} tolerances ({worst})", flush=True)
    return constants


def report(constants=CONSTANTS, seeds=range(5)):
    """Print targets beside achieved values, and what models find of the SD at each knob."""
    got = average(constants, seeds, models=True)
    print(f"{f'statistic ({len(seeds)} seeds)':44}{'target':>8}{'+-':>7}{'got':>9}{'SD':>7}")
    for name, (target, tolerance) in TARGETS.items():
        mean, spread = got[name]
        print(f"{name:44}{target:8.3f}{tolerance:7.3f}{mean:9.3f}{spread:7.3f}")
    print(f"\n{'disagreement':14}{HEAD_SD:>24}{'ridge R2, as above':>24}")
    for knob in DISAGREEMENT:
        found = got
        if knob != "deam_like":
            found = average(constants, seeds[:2], models=True, disagreement=knob)
        print(f"{knob:14}{found[HEAD_SD][0]:24.3f}{found[LEARNED[1]][0]:24.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tune", action="store_true", help="find the constants again")
    constants = tune() if parser.parse_args().tune else CONSTANTS
    print(constants)
    report(constants)


if __name__ == "__main__":
    main()

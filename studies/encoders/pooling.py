"""Which layer of frozen musicnn, and which pooling over time: on probes and on real listeners.

Two readers. "ridge" is linear and reads a layer that was pooled before: all it knows is what the
pooling has kept. "network" (:mod:`attention`) reads the tokens and learns what to pool. Clips that
train teach both; clips that validate choose the network's epochs and nothing else.
"""

from functools import cache, partial

import numpy as np
import pandas as pd
import torch
from attention import CONSTANTS, EPOCHS, POOLINGS, Attention, Reader, learned, places, seen
from encoder_designs import fold_of
from probes import STEEP, Worlds, rows, scored, worlds
from properties import by_hand, kept
from sklearn.linear_model import LinearRegression, RidgeCV
from tqdm import tqdm

from mer_utils.model.splits import standardise

LAYERS = {
    "front end": slice(0, 561),
    "middle 1": slice(561, 625),
    "middle 2": slice(625, 689),
    "middle 3": slice(689, 753),
    "all tokens": slice(0, 753),
}
PENALTIES = np.logspace(0, 7, 22)
"""Of ridge on standardised features; leave-one-out error of the clips that train chooses one for
each target. The largest shrinks 1,506 features of 231 clips to nothing."""
DRAWS, DRAWS_OF_NETWORKS, SEEDS = 20, 2, 2
USUAL = {"ridge": ("penultimate", "mean"), "network": ("all tokens", "mean")}
"""What others are compared with: the paper's average over time."""


def over_time(values, largest=None) -> dict:
    """Pooling -> features of values (n, T, p); ``largest`` (n, W, p), where maxima are known.

    "thirds": the averages over the first, second and last third of the clip.
    """
    values = np.asarray(values, np.float32)
    mean = values.mean(1)
    top = (values if largest is None else largest).max(1)
    thirds = np.hstack([part.mean(1) for part in np.array_split(values, 3, axis=1)])
    found = {"mean": mean, "max": top, "mean + SD": np.hstack([mean, values.std(1)])}
    return found | {"thirds": thirds}


def features_of(sound) -> dict:
    """(layer, pooling) -> features (n, p) of :class:`sound.Sound`.

    The pooling "by hand" has tempo and order as :func:`properties.by_hand` finds them.
    """
    tokens = np.asarray(sound.tokens).reshape(len(sound.tokens), -1, sound.tokens.shape[-1])
    frames = np.asarray(sound.log_mel).reshape(len(tokens), -1, sound.log_mel.shape[-1])
    found = {("log-mel", way): x for way, x in over_time(frames).items()}
    found["log-mel", "by hand"] = by_hand(sound.log_mel)
    for layer, part in LAYERS.items():
        pooled = over_time(tokens[..., part], np.asarray(sound.largest)[..., part])
        found |= {(layer, way): x for way, x in pooled.items()}
    return found | {("penultimate", way): x for way, x in over_time(sound.penultimate).items()}


def ridge(features, targets, splits) -> np.ndarray:
    """Predictions out of fold, the shape of ``targets`` (n, k)."""
    found = np.empty(targets.shape)
    for split in splits:
        x, level = standardise(features, split.train), targets[split.train].mean(0)
        unit = np.where((sd := targets[split.train].std(0)) > 0, sd, 1)
        y = (targets[split.train] - level) / unit
        fit = RidgeCV(PENALTIES, alpha_per_target=True).fit(x[split.train], y)
        found[split.test] = level + unit * fit.predict(x[split.test]).reshape(len(split.test), -1)
    return found


def networks(view, targets, splits, pooling, seeds=SEEDS, epochs=EPOCHS, progress=True):
    """Predictions out of fold, averaged over seeds: ``targets`` and the result are (n, k).

    One network learns all k targets. ``view(i)``: the tokens as the networks of fold i see them.
    """
    found = np.zeros(targets.shape)
    with tqdm(total=len(splits) * seeds, desc=pooling, disable=not progress) as bar:
        for i, split in enumerate(splits):
            for seed in range(seeds):
                said = learned(view(i), targets, split, pooling, seed, epochs)
                found[split.test] += said[split.test] / seeds
                bar.update()
    return found


def predictions(features, tokens, targets, few, splits, seeds=SEEDS, epochs=EPOCHS, progress=True):
    """Reader by reader: ``(reader, layer, pooling, predictions (rounds, n, k))``, from the cache.

    ``targets`` (R, n, k): ridge learns all R rounds, networks the first ``few``. ``tokens`` (n, T,
    F), or None for no networks.
    """
    rounds, n, k = targets.shape
    common = {f"{side} {i}": getattr(split, side) for i, split in enumerate(splits)
              for side in ("train", "validation", "test")}  # fmt: skip
    flat = np.moveaxis(targets, 0, 1).reshape(n, -1)
    for (layer, pooling), x in features.items():
        described = common | {"x": x, "targets": flat, "penalties": PENALTIES}
        way = partial(ridge, x, flat, splits)
        found = kept("ridge", described, (ridge,), lambda way=way: {"y": way()})["y"]
        yield "ridge", layer, pooling, np.moveaxis(found.reshape(n, rounds, k), 1, 0)
    if tokens is None:
        return
    code = (networks, learned, seen, Reader, Attention, places)
    common |= {"tokens": tokens, "torch": torch.__version__, "constants": CONSTANTS}
    common |= {"seeds": seeds, "epochs": epochs}
    view = cache(lambda i: seen(tokens, splits[i].train))
    for pooling in POOLINGS:
        found = []
        for of in targets[:few]:
            way = partial(networks, view, of, splits, pooling, seeds, epochs, progress)
            described = common | {"pooling": pooling, "targets": of}
            found.append(kept("network", described, code, lambda way=way: {"y": way()})["y"])
        yield "network", "all tokens", pooling, np.stack(found)


def probe_table(
    features, tokens, properties, mean, splits, cluster,
    draws=DRAWS, few=DRAWS_OF_NETWORKS, **options,
) -> pd.DataFrame:  # fmt: skip
    """What frozen features tell of each property, taught by 33 simulated listeners, and by itself.

    Parameters
    ----------
    features, tokens : as in :func:`predictions`
    properties, mean : as in :func:`probes.worlds`
    splits, cluster : folds, and the clips that are resampled together

    Returns
    -------
    DataFrame
        The columns of :func:`probes.rows`. The reader "known" is told the property itself.
    """
    made, fold = [worlds(mean, properties, draw) for draw in range(draws)], fold_of(splits)
    known = np.stack([_told(world, splits) for world in made])
    found = rows("known", "", known, made, fold, cluster)

    def judged(judges, y, **labels):
        return rows(
            predicted=y, of=made[: len(y)], fold=fold, cluster=cluster, judges=judges, **labels
        )

    for name, judges, few_now in (("sd", ("truth", "observed"), few), ("z", ("property",), 1)):
        targets = np.stack([getattr(world, name) for world in made])
        readers = predictions(features, tokens, targets, few_now, splits, **options)
        found += _compared(readers, partial(judged, judges))
    return pd.DataFrame(found)


def _told(world: Worlds, splits):
    """SDs out of fold by whoever is told z: a line on exp(steep z), to the observed SD."""
    found = np.empty(world.sd.shape)
    for split in splits:
        for j, z in enumerate(world.z.T):
            x = np.exp(STEEP * z)[:, None]
            line = LinearRegression().fit(x[split.train], world.sd[split.train, j])
            found[split.test, j] = line.predict(x[split.test])
    return found


def pooling_table(features, tokens, sd, names, splits, cluster, **options) -> pd.DataFrame:
    """Real SDs (n, D) from each layer and pooling; ``gain``: less the paper's average over time.

    Columns as :func:`probe_table`; the judges are the "listeners", their ceiling is not known.
    """
    fold = fold_of(splits)

    def judged(y, against, **labels):
        args = sd[None], y, names, fold, cluster, None, against
        return [labels | row for row in scored(*args, judges="listeners")]

    made = predictions(features, tokens, sd[None], 1, splits, **options)
    return pd.DataFrame(_compared(made, judged))


def _compared(made, judged) -> list:
    """Rows of all readers, each beside the usual one of its kind."""
    made = list(made)
    usual = {r: y for r, layer, pooling, y in made if USUAL[r] == (layer, pooling)}
    found = []
    for reader, layer, pooling, y in made:
        labels = {"reader": reader, "layer": layer, "pooling": pooling, "trained": "frozen"}
        found += judged(y, against=usual.get(reader), **labels)
    return found

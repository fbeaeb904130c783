"""The same comparison with MusicFM, for whoever has its weights: the last layers frozen or trained.

Windows are as long as musicnn's, so that folds, patches and heads are the same. What lies below the
trained layers is computed once and kept: ``tokens`` (n, W, 75, 1024). On a GPU the products are
done in bfloat16, and each layer is computed again for its gradient, which saves memory.
"""

import hashlib
from functools import lru_cache, partial
from pathlib import Path
from types import SimpleNamespace

import musicfm_layers
import numpy as np
import torch
from musicfm_layers import UpperLayers, random_weights
from patch_training import Plan
from sound import arrays_of, paths_of
from tqdm import tqdm
from trainable import Frozen

from mer_utils.code_digest import logic
from mer_utils.data.csv_tables import DataError
from mer_utils.data.dataset import sha256
from mer_utils.embed.decode import RATE, read_clip
from mer_utils.embed.musicfm import load_musicfm
from mer_utils.embed.musicfm_checkpoint import read_checkpoint
from mer_utils.paths import weights_dir

WINDOW, TOKENS = 71_808, 75
"""Samples at 24 kHz, 2.992 s as musicnn's; and what they become."""
FINE = Plan(rate=2e-5, epochs=8, patience=4, head_rate=1e-4)


def checkpoint_of(args) -> Path:
    """The file of the weights."""
    return Path(args.checkpoint or weights_dir() / "pretrained_msd.pt")


@lru_cache
def sound_of(folder, clips, checkpoint, top, device, progress=True):
    """Clips with ``tokens`` (n, W, T, dim) float16 and ``pooled`` (n, W, dim) float32."""
    paths = paths_of(folder, clips)
    facts = ["musicfm", sha256(checkpoint), str(top), torch.__version__, *map(sha256, paths)]
    facts.append(logic(Path(musicfm_layers.__file__).read_text("utf-8")))
    digest = hashlib.sha256("\n".join([*clips, *facts]).encode()).hexdigest()[:16]

    def make(new):
        model = load_musicfm(checkpoint, layers="last", device=device)
        lengths = [len(read_clip(path, RATE).samples) for path in paths]
        n, windows = len(paths), min(lengths) // WINDOW
        if not windows:
            short = paths[int(np.argmin(lengths))]
            raise DataError(f"{short}: shorter than a window of {WINDOW / RATE:.3f} s")
        tokens = new("tokens", (n, windows, TOKENS, model.dim), np.float16)
        pooled = new("pooled", (n, windows, model.dim), np.float32)
        for i, path in enumerate(tqdm(paths, unit="clip", desc="MusicFM", disable=not progress)):
            samples = read_clip(path, RATE).samples[: windows * WINDOW]
            for w, part in enumerate(torch.from_numpy(samples).view(windows, 1, WINDOW)):
                below, last = model.hidden_states(part, [model.n_layers - top, model.n_layers])
                tokens[i, w] = below[0].cpu().numpy()
                pooled[i, w] = last[0].mean(0).cpu().numpy()

    return SimpleNamespace(clip=clips, digest=digest, **arrays_of(digest, make))


@lru_cache
def weights_of(checkpoint) -> tuple:
    """Tensors by name, and the number of layers."""
    weights = read_checkpoint(checkpoint)
    return weights, 1 + max(int(key.split(".")[2]) for key in weights if ".layers." in key)


def upper(windows, seed, checkpoint, top, on_gpu, random=False):
    """The last layers, from the checkpoint or from random weights."""
    weights, n_layers = weights_of(checkpoint)
    if random:
        weights = random_weights(weights, seed)
    return UpperLayers(weights, n_layers, n_layers - top, checkpointing=on_gpu, bf16=on_gpu)


def frozen(windows, seed):
    """The last hidden state, averaged over a window."""
    return Frozen(windows.shape[-1])


def arms_of(args, Arm) -> dict:
    """The arms: frozen, last layers trained, last layers from random weights."""
    make = partial(upper, checkpoint=checkpoint_of(args), top=args.top, on_gpu=args.device != "cpu")
    from_random = Plan(rate=1e-4, epochs=20, patience=5)
    return {
        "frozen": Arm("frozen", "pooled", frozen, FINE, 4, "pooled"),
        "last": Arm(f"last {args.top} layers trained", "tokens", make, FINE, 2, "pooled"),
        "random": Arm(f"last {args.top} layers from random weights", "tokens",
                      partial(make, random=True), from_random, 2),
    }  # fmt: skip

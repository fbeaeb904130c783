"""MusicFM's last k conformer layers, to be trained: the frozen part is computed once, and kept.

Below the trained layers nothing changes from epoch to epoch. So the waveforms go once through
``frozen_tokens``, and each epoch starts from what comes out. ``UpperLayers`` is the rest of the
encoder (Won, Hung & Le 2024; Gulati et al. 2020) as a torch module that starts from the
checkpoint's tensors. ``python studies/encoders/musicfm_layers.py`` prints memory and time for
layers of full size (random weights, no download), in bfloat16 only where there are units for it.
"""

import argparse
import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from mer_utils.embed.fast_layers import has_products
from mer_utils.embed.musicfm import rotary
from mer_utils.embed.musicfm_checkpoint import ROTATION, shapes


def frozen_tokens(model, waveforms, k) -> torch.Tensor:
    """What the last ``k`` layers start from: (n, samples) at 24 kHz -> (n, tokens, dim), float32.

    ``model`` is a :class:`mer_utils.embed.musicfm.MusicFM`. With k = 0 it is the last hidden state.
    """
    if not 0 <= k <= model.n_layers:
        raise ValueError(f"k is {k}: MusicFM has {model.n_layers} layers to choose from")
    (state,) = model.hidden_states(waveforms, [model.n_layers - k])
    return state.clone()  # what inference mode has made cannot enter a gradient; a copy can


class UpperLayers(nn.Module):
    """Layers ``first`` to ``n_layers - 1`` (from 0) and the encoder's last LayerNorm; all trained.

    BatchNorm keeps its statistics in training. With ``first == n_layers`` nothing is left to train.

    Parameters
    ----------
    weights : as :func:`mer_utils.embed.musicfm_checkpoint.read_checkpoint` gives them; copied.
    dropout : share of what each of a layer's four branches adds that is dropped in training.
    checkpointing : keep only each layer's input and compute the rest again for the gradient.
    bf16 : matrix products in bfloat16; weights, sums and norms stay in float32.
    """

    def __init__(self, weights, n_layers, first, *, dropout=0.1, checkpointing=False, bf16=False):
        super().__init__()
        self.checkpointing, self.bf16 = checkpointing, bf16
        norm = _part(weights, "conformer.layer_norm.")
        self.size = len(norm["bias"])
        self.register_buffer("frequencies", weights[ROTATION].clone())
        parts = [_part(weights, f"conformer.layers.{i}.") for i in range(n_layers)[first:]]
        with torch.device("meta"):  # no memory yet: the copies below are the parameters
            layers = (ConformerLayer(p, 2 * len(self.frequencies), dropout) for p in parts)
            self.layers = nn.ModuleList(layers)
            self.norm = nn.LayerNorm(self.size) if parts else nn.Identity()
        for module, part in zip([*self.layers, self.norm], [*parts, norm if parts else {}],
                                strict=True):  # fmt: skip
            module.load_state_dict(part, assign=True)

    def forward(self, tokens):
        """(batch, tokens, dim) in any float format -> (batch, dim), means over tokens, float32."""
        x = tokens.float()
        rotation = rotary(x.shape[1], self.frequencies)
        saving = self.checkpointing and torch.is_grad_enabled()
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bf16):
            for layer in self.layers:
                now = partial(checkpoint, layer, use_reentrant=False) if saving else layer
                x = now(x, *rotation)
            return self.norm(x).float().mean(dim=1)


class ConformerLayer(nn.Module):
    """Half a feed-forward step, attention, convolution, half a step, LayerNorm; released names."""

    def __init__(self, part, head, dropout):
        super().__init__()
        wide, dim = part["ffn1.intermediate_dense.weight"].shape
        taps = part["conv_module.depthwise_conv.weight"].shape[-1]
        self.head, self.dropout = head, nn.Dropout(dropout)
        for name in ("ffn1", "self_attn", "ffn2", "final"):
            self.add_module(f"{name}_layer_norm", nn.LayerNorm(dim))
        steps = {"intermediate_dense": (dim, wide), "output_dense": (wide, dim)}
        products = {f"linear_{name}": (dim, dim) for name in ("q", "k", "v", "out")}
        self.ffn1, self.ffn2, self.self_attn = (
            nn.ModuleDict({name: nn.Linear(*size) for name, size in part.items()})
            for part in (steps, steps, products)
        )
        self.conv_module = nn.ModuleDict({
            "layer_norm": nn.LayerNorm(dim),
            "pointwise_conv1": nn.Conv1d(dim, 2 * dim, 1, bias=False),
            "depthwise_conv": nn.Conv1d(dim, dim, taps, padding=taps // 2, groups=dim, bias=False),
            "batch_norm": nn.BatchNorm1d(dim),
            "pointwise_conv2": nn.Conv1d(dim, dim, 1, bias=False),
        })  # fmt: skip

    def forward(self, x, cos, sin):
        """(batch, tokens, dim), float32, to the same."""
        x = x + 0.5 * self._feed_forward(self.ffn1, self.ffn1_layer_norm(x))
        x = x + self._attention(self.self_attn_layer_norm(x), cos, sin)
        x = x + self._convolution(x)
        x = x + 0.5 * self._feed_forward(self.ffn2, self.ffn2_layer_norm(x))
        return self.final_layer_norm(x)

    def _feed_forward(self, step, x):
        return self.dropout(step["output_dense"](F.silu(step["intermediate_dense"](x))))

    def _attention(self, x, cos, sin):
        """Positions enter as rotations of the input of q and k, head by head."""
        heads = x.unflatten(-1, (-1, self.head))
        left, right = heads.chunk(2, dim=-1)
        turned = (heads * cos + torch.cat([-right, left], dim=-1) * sin).flatten(2)
        q, k, v = (
            self.self_attn[f"linear_{name}"](part).unflatten(-1, (-1, self.head)).transpose(1, 2)
            for name, part in (("q", turned), ("k", turned), ("v", x))
        )
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.dropout(self.self_attn["linear_out"](mixed))

    def _convolution(self, x):
        """Gate, taps along time per channel, BatchNorm with fixed statistics, swish."""
        part = self.conv_module
        gate, back = (part[f"pointwise_conv{i}"].weight[..., 0] for i in (1, 2))
        x = F.glu(F.linear(part["layer_norm"](x), gate).float(), dim=-1).transpose(1, 2)
        with torch.autocast(x.device.type, enabled=False):  # see Convolution in musicfm.py
            taps, n = part["depthwise_conv"], part["batch_norm"]
            x = F.batch_norm(taps(x), n.running_mean, n.running_var, n.weight, n.bias)
        return self.dropout(F.linear(F.silu(x.transpose(1, 2)), back))


def _part(weights, prefix):
    return {k.removeprefix(prefix): v.clone() for k, v in weights.items() if k.startswith(prefix)}


def random_weights(like, seed) -> dict[str, torch.Tensor]:
    """Weights of ``like``'s names and shapes: matrices and taps normal with variance 1 / fan-in.

    Biases are 0, norms the identity; rotations and the log-mel's window and bands stay.
    """
    draw, out = torch.Generator().manual_seed(seed), {}
    for name, tensor in like.items():
        if name == ROTATION or name.startswith("preprocessor"):
            out[name] = tensor.clone()
        elif tensor.ndim > 1:
            out[name] = torch.randn(tensor.shape, generator=draw) * tensor[0].numel() ** -0.5
        else:
            out[name] = torch.full(tensor.shape, float(name.endswith(("weight", "running_var"))))
    return out


def measure(k, bf16, saving, device="cpu", *, dim=1024, wide=4096, half_head=32):
    """Peak GB beyond torch's own (a CPU needs a new process), seconds per step, fastest of 3."""
    others = dict.fromkeys(("channels", "bands", "classes", "neighbours", "code"), 1)
    every = shapes(layers=k, dim=dim, wide=wide, half_head=half_head, **others)
    like = {n: torch.empty(size, device="meta") for n, size in every.items() if "conformer" in n}
    like[ROTATION] = 1 / 10_000 ** (torch.arange(half_head) / half_head)
    before, took, tokens = _peak(device), [], torch.randn(8, 75, dim, device=device)
    network = UpperLayers(random_weights(like, 0), k, 0, bf16=bf16, checkpointing=saving).to(device)
    adam = torch.optim.Adam(network.parameters(), 1e-4)
    for _ in range(3):
        start = time.perf_counter()
        adam.zero_grad()
        network(tokens).square().mean().backward()
        adam.step()
        memory = _peak(device) - before  # on a GPU this waits until all is done
        took.append(time.perf_counter() - start)
    return memory, min(took)


def _peak(device):
    if device == "cpu":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9  # of Linux
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() / 1e9


def main(arguments=None):
    ask = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ask.add_argument("--device", default="cpu")
    ask.add_argument("--k", type=int, nargs="+", default=[1, 2, 4])
    ask.add_argument("--clips", type=int, default=356, help="of one patch each: an epoch")
    given = ask.parse_args(arguments)
    print(f"8 patches of 3 s per step, {given.device}, {torch.get_num_threads()} threads")
    print("k  products  checkpointing     GB  s/step  s/epoch")
    formats = (False, True) if given.device != "cpu" or has_products(torch.bfloat16) else (False,)
    for k, bf16, saving in product(given.k, formats, (False, True)):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as new:
            memory, seconds = new.submit(measure, k, bf16, saving, given.device).result()
        row = f"{k:<3}{'bfloat16' if bf16 else 'float32':10}{'yes' if saving else 'no':13}"
        print(f"{row}{memory:7.2f}{seconds:8.2f}{seconds * -(-given.clips // 8):9.0f}", flush=True)


if __name__ == "__main__":
    main()

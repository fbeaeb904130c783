"""What is compared: how much of an encoder is trained, and from where it starts.

An arm names the array of :class:`sound.Sound` that it takes, how its encoder is made, and the plan.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import musicfm_arms
import sound
from patch_training import Plan
from trainable import SIZE, Frozen, Musicnn, Small, random_musicnn

from mer_utils.embed.musicnn import load_musicnn


class Arm(NamedTuple):
    """``make(windows, seed)`` gives an encoder of what ``takes`` names.

    ``first``: what the frozen encoder says, to teach the head before the encoder learns.
    """

    title: str
    takes: str
    make: Callable
    plan: Plan
    seeds: int
    first: str | None = None


def frozen(windows, seed):
    """The penultimate layer as it is."""
    return Frozen(SIZE)


def pretrained(windows, seed, part):
    """The weights of musicnn, of which ``part`` is trained."""
    return Musicnn(load_musicnn().network, part)


def from_random(windows, seed):
    """The same network, without its weights."""
    return Musicnn(random_musicnn(windows, seed), "all")


def small(windows, seed):
    """The small network."""
    return Small()


HEAD = Plan(epochs=60, patience=15)
FINE = Plan(rate=1e-4, epochs=6, patience=3, head_rate=1e-4)
"""The frozen arm goes through both, too: all that differs is whether the encoder learns."""
ARMS = {
    "frozen": Arm("frozen", "penultimate", frozen, FINE, 4, "penultimate"),
    "last": Arm("last layers trained", "front", partial(pretrained, part="last"), FINE, 3,
                "penultimate"),
    "all": Arm("all layers trained", "log_mel", partial(pretrained, part="all"), FINE, 1,
               "penultimate"),
    "random": Arm("from random weights", "log_mel", from_random,
                  Plan(rate=1e-3, epochs=16, patience=4), 1),
    "small": Arm("small network", "log_mel", small, Plan(rate=1e-3, epochs=40, patience=8), 1),
}  # fmt: skip


def arms_of(args) -> dict[str, Arm]:
    """The arms of the encoder that ``args`` names, with at most ``args.epochs`` epochs."""
    arms = ARMS if args.encoder == "musicnn" else musicfm_arms.arms_of(args, Arm)
    if args.epochs is None:
        return arms
    return {
        name: arm._replace(plan=replace(arm.plan, epochs=min(args.epochs, arm.plan.epochs)))
        for name, arm in arms.items()
    }


def sound_of(args, clips, progress=False):
    """What the arms take, for these clips."""
    if args.encoder == "musicnn":
        return sound.sound_of(args.clips, clips, progress)
    clips, file = tuple(map(str, clips)), musicfm_arms.checkpoint_of(args)
    return musicfm_arms.sound_of(str(args.clips), clips, file, args.top, args.device, progress)

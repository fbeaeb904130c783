"""Small synthesised clips, so that there is sound where there is no music.

Each is mono float32, (n_samples,), in [-1, 1], and the same at every call.
"""

import numpy as np

from mer_utils.embed.decode import RATE


def tone(pitch, seconds, *, rate=RATE, partials=4, attack=0.02) -> np.ndarray:
    """One note: ``pitch`` (MIDI number, 69 = 440 Hz) with decaying partials and envelope."""
    t = np.arange(int(seconds * rate)) / rate
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    wave = sum(np.sin(2 * np.pi * k * hertz * t) / k**1.5 for k in range(1, partials + 1))
    return wave * np.minimum(t / attack, 1) * np.minimum((seconds - t) / attack, 1)


def calm(seconds=6.0, rate=RATE) -> np.ndarray:
    """Slow soft chords: long notes, few partials, quiet."""
    chords = [(48, 55, 64), (45, 52, 60), (41, 53, 57)]
    each = seconds / len(chords)
    parts = [sum(tone(p, each, rate=rate, partials=2, attack=0.5) for p in c) for c in chords]
    return _finish(np.concatenate(parts), 0.25)


def busy(seconds=6.0, rate=RATE, seed=0) -> np.ndarray:
    """Fast bright arpeggio over noise bursts: many onsets, wide spectrum, loud."""
    rng = np.random.default_rng(seed)
    step = 0.125
    notes = []
    for i in range(round(seconds / step)):
        note = tone(60 + (0, 4, 7, 12, 16, 12, 7, 4)[i % 8], step, rate=rate, partials=10)
        decay = np.exp(-np.arange(len(note)) / (0.02 * rate))
        notes.append(note + (i % 2 == 0) * rng.normal(0, 1.0, len(note)) * decay)
    return _finish(np.concatenate(notes), 0.9)


def build_up(seconds=6.0, rate=RATE, seed=0) -> np.ndarray:
    """A rise from calm to busy in ``seconds``: the same sounds change over time."""
    quiet, loud = calm(seconds, rate), busy(seconds, rate, seed)
    n = min(len(quiet), len(loud))
    ramp = np.linspace(0, 1, n) ** 2
    return _finish(quiet[:n] * (1 - ramp) + loud[:n] * ramp, 0.9)


def _finish(wave, peak):
    return (peak * wave / np.abs(wave).max()).astype(np.float32)


CLIPS = {"calm": calm, "busy": busy, "build-up": build_up}

"""musicnn: a small music tagger with real weights, trained on the Million Song Dataset.

The encoder for a laptop: 29 MB of weights, seconds per clip. A front end of filters shaped for
music (tall ones see timbre, long ones see rhythm) looks at a log-mel spectrogram, three residual
convolutions follow, and all of it is pooled over windows of 3 s. Own implementation of Pons &
Serra (2019), "musicnn: Pre-trained convolutional neural networks for music audio tagging";
the weights are those of the authors' package ``musicnn`` 0.1.0 (ISC licence): ``mer fetch musicnn``
gets them, and this project passes none of them on.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torchaudio.transforms import MelSpectrogram

from mer_utils.data.dataset import sha256
from mer_utils.embed import weights
from mer_utils.embed.encoders import choose_layers
from mer_utils.embed.musicnn_weights import fill
from mer_utils.paths import weights_dir

RATE, N_FFT, HOP, N_MELS = 16_000, 512, 256, 96
FRAMES = 187  # of one window, "3 s": 187 hops are 2.992 s
WINDOW = FRAMES * HOP  # samples
CHUNK = {"cpu": 2, "cuda": 64}  # windows at once: two stay in a CPU's cache, 8 take twice as long
# torchaudio's resampler with the filter of resampy 0.2, librosa's resampler when the network was
# trained. What is left just below 8 kHz differs between resamplers, and some tags with it.
RESAMPLING = {"resampling_method": "sinc_interp_kaiser", "lowpass_filter_width": 64,
              "rolloff": 0.9475937167399596, "beta": 14.769656459379492}  # fmt: skip
LAYERS = {"penultimate": 200, "mean_pool": 753, "max_pool": 753}
# The 50 most used tags of the Million Song Dataset, as Last.fm's users wrote them.
TAGS = tuple(
    "rock|pop|alternative|indie|electronic|female vocalists|dance|00s|alternative rock|jazz|"
    "beautiful|metal|chillout|male vocalists|classic rock|soul|indie rock|Mellow|electronica|80s|"
    "folk|90s|chill|instrumental|punk|oldies|blues|hard rock|ambient|acoustic|experimental|"
    "female vocalist|guitar|Hip-Hop|70s|party|country|easy listening|sexy|catchy|funk|electro|"
    "heavy metal|Progressive rock|60s|rnb|indie pop|sad|House|happy".split("|")
)


class Convolution(nn.Module):
    """Convolution that keeps the number of frames, ReLU, BatchNorm.

    ``height`` None: over frames alone, (batch, inputs, frames) in and out. Else over frames and
    mel bands, (batch, 1, frames, bands) -> (batch, outputs, frames): the largest over all bands.
    """

    def __init__(self, inputs, outputs, frames, height=None):
        super().__init__()
        before, after = (frames - 1) // 2, frames // 2
        if height is None:
            self.padding = (before, after)
            self.convolution = nn.Conv1d(inputs, outputs, frames)
            self.norm = nn.BatchNorm1d(outputs, eps=1e-3)
        else:
            self.padding = (0, 0, before, after)
            self.convolution = nn.Conv2d(inputs, outputs, (frames, height))
            self.norm = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x):
        """Shapes as the class says."""
        x = self.norm(F.relu(self.convolution(F.pad(x, self.padding))))
        return x.amax(dim=3) if x.ndim == 4 else x


class Network(nn.Module):
    """(windows, 187, 96) log-mel -> tag logits (windows, 50), and the layers by name.

    One entry more, "frames", holds the features (windows, 753, 187) that are pooled.
    """

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(1, eps=1e-3)
        timbre = [Convolution(1, 204, 7, height) for height in (38, 67)]  # 40 % and 70 % of 96
        rhythm = [Convolution(1, 51, frames, 1) for frames in (128, 64, 32)]
        self.front = nn.ModuleList(timbre + rhythm)
        width = 2 * 204 + 3 * 51
        self.middle = nn.ModuleList([Convolution(n, 64, 7) for n in (width, 64, 64)])
        self.pooled_norm = nn.BatchNorm1d(2 * 753, eps=1e-3)
        self.dense = nn.Linear(2 * 753, 200)
        self.dense_norm = nn.BatchNorm1d(200, eps=1e-3)
        self.tags = nn.Linear(200, 50)

    def forward(self, log_mel):
        """Shapes as the class says."""
        x = self.norm(log_mel[:, None])
        front = torch.cat([filters(x) for filters in self.front], dim=1)
        first = self.middle[0](front)
        second = first + self.middle[1](first)
        third = second + self.middle[2](second)
        features = torch.cat([front, first, second, third], dim=1)  # (windows, 753, frames)
        largest, mean = features.amax(dim=2), features.mean(dim=2)
        pooled = self.pooled_norm(torch.stack([largest, mean], dim=2).flatten(1))
        penultimate = self.dense_norm(F.relu(self.dense(pooled)))
        layers = {"penultimate": penultimate, "mean_pool": mean, "max_pool": largest}
        return self.tags(penultimate), layers | {"frames": features}


class MusicNN:
    """The tagger with its front end, as an encoder of clips; see ``encoders.py``.

    ``layers`` says what :meth:`embed` returns. ``resampling`` holds the options with which
    ``torchaudio.functional.resample`` makes 16 kHz as the network knows it. Clips shorter than
    ``min_samples``, one window, are refused: there is no padding that could enter an average.
    """

    name, rate, min_samples, resampling = "musicnn", RATE, WINDOW, RESAMPLING

    def __init__(self, network, layers, checkpoint_sha256="", device="cpu", dtype="float32"):
        self.layers = choose_layers(layers, tuple(LAYERS), default=("penultimate",))
        self.checkpoint_sha256 = checkpoint_sha256
        self.default_layer = self.layers[0]
        self.device, self.dtype = torch.device(device), getattr(torch, dtype)
        mel = MelSpectrogram(RATE, N_FFT, hop_length=HOP, n_mels=N_MELS, norm="slaney",
                             mel_scale="slaney")  # fmt: skip
        self.mel = mel.to(self.device)
        self.network = network.to(self.device, self.dtype).eval()

    @torch.inference_mode()
    def log_mel(self, waveform):
        """(samples,) at 16 kHz -> (windows, 187, 96): log10(1 + 10000 mel power).

        As the authors' code does with the libraries of 2019: mel powers are rounded to half
        precision before the logarithm, and the first frame is centred on the first sample, so that
        it sees the first 16 ms mirrored. Only whole windows are made: the end of a clip is never
        padded, what is left over there (less than 2.992 s) is not used.
        """
        windows = len(waveform) // WINDOW
        power = self.mel(waveform)[:, : windows * FRAMES].half().float()
        return torch.log10(10_000 * power + 1).T.reshape(windows, FRAMES, N_MELS)

    @torch.inference_mode()
    def windows(self, waveform, names=(*LAYERS, "tags")) -> dict[str, torch.Tensor]:
        """What the network says of each window of one clip.

        Parameters
        ----------
        waveform : (samples,) array or tensor, mono at 16 kHz, in [-1, 1].

        Returns
        -------
        dict of float32 tensors: each layer (windows, features), and "tags", the probability of
        each of ``TAGS``, (windows, 50) in [0, 1]. Tags do not exclude each other: a row does not
        sum to 1.

        Raises
        ------
        ValueError
            If it is not one channel, is shorter than a window, or holds values that are not
            finite or are far outside [-1, 1].
        """
        waveform = torch.as_tensor(waveform, dtype=torch.float32, device=self.device)
        if waveform.ndim != 1 or len(waveform) < WINDOW:
            raise ValueError(
                f"waveform of shape {tuple(waveform.shape)}: musicnn wants one channel of at least "
                f"{WINDOW} samples at 16 kHz ({WINDOW / RATE:.3f} s)"
            )
        log_mel = self.log_mel(waveform)
        if not torch.isfinite(log_mel).all():
            raise ValueError("samples that are not finite, or far outside [-1, 1]: scale them")
        parts = []
        for part in log_mel.to(self.dtype).split(CHUNK.get(self.device.type, 2)):
            logits, layers = self.network(part)
            layers["tags"] = logits.float().sigmoid()
            parts.append({name: layers[name].float() for name in names})
        return {name: torch.cat([part[name] for part in parts]) for name in names}

    def embed(self, waveforms) -> dict[str, np.ndarray]:
        """(batch, samples) at 16 kHz -> layer -> (batch, features) float32: means over windows.

        A clip's numbers do not depend on the others in its batch. Raises ``ValueError`` as
        :meth:`windows`, or if ``waveforms`` is not a batch.
        """
        if waveforms.ndim != 2 or not len(waveforms):
            raise ValueError(f"waveforms of shape {tuple(waveforms.shape)}, not (batch, samples)")
        clips = [self.windows(waveform, self.layers) for waveform in waveforms]
        return {n: torch.stack([c[n].mean(0) for c in clips]).cpu().numpy() for n in self.layers}

    def sequence(self, waveform) -> dict[str, np.ndarray]:
        """One clip before the average over time: layer -> (steps, features), float32.

        A step of "mean_pool" is a frame of 16 ms, a step of the other layers a window. Raises as
        :meth:`windows`.
        """
        out = self.windows(waveform, (*self.layers, "frames"))
        out["mean_pool"] = out["frames"].transpose(1, 2).flatten(0, 1)
        return {n: out[n].cpu().numpy() for n in self.layers}


def load_musicnn(checkpoint=None, layers="all", device="cpu", dtype="float32") -> MusicNN:
    """The tagger with the weights in ``checkpoint``.

    Parameters
    ----------
    checkpoint : path of the package's wheel (its weights are read where they are, nothing is
        unpacked or run); default where ``mer fetch musicnn`` puts it.
    layers : "all", "last" (the penultimate layer), or names out of ``LAYERS``.
    device, dtype : of the network, as in ``load_encoder``. The log-mel is float32.

    Raises
    ------
    ValueError
        If the file is missing, is not that wheel or is damaged, or a layer is unknown.
    """
    path = Path(checkpoint) if checkpoint else weights_dir() / weights.WHEEL
    if not path.is_file():
        raise ValueError(f"{path}: no weights of musicnn there; get them with: mer fetch musicnn")
    digest = sha256(path)
    if digest != weights.WHEEL_SHA256:
        raise ValueError(
            f"{path}: not the wheel {weights.WHEEL}, or damaged (its SHA-256 is {digest}, not "
            f"{weights.WHEEL_SHA256}); get it with: mer fetch musicnn"
        )
    network = Network()
    fill(network, path)
    return MusicNN(network, layers, digest, device, dtype)

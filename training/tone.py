"""What captions say about a photograph's tone, by least squares: the layer of the guide's head that no gradient finds.

Under a guide, words tell little but the tone: how gold or chalk differs from its flat colour. Spread over millions of
weights and drowned in noise, that is learnt last of all; yet it is linear enough for a ridge regression of a few
thousand pictures, which takes a minute (docs/decisions/the-guide.md).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from distill.priors.guide_head import TONE_FEATURES, tone_features
from distill.priors.text import bag_of_words
from training.examples import Batch
from training.network import Network

RIDGE = 0.1  # of the regressors' mean square: what held-out objects like best


@torch.no_grad()
def fit_tone(network: Network, batches: Iterable[Batch]) -> None:
    """Sets `head.tone` so that guide and tone come nearest to the batches' pictures.

    The layer's output times the features is linear in the products of both, so normal equations are summed up picture
    by picture: Σ (w ⊗ φ)(w ⊗ φ)ᵀ over its pixels is (w wᵀ) ⊗ (Σ φ φᵀ).
    """
    tone = network.head.tone
    said: list[Tensor] = []
    normal: Tensor | float = 0.0
    wanted: Tensor | float = 0.0
    for batch in batches:
        words = F.pad(bag_of_words(network.text_encoder, network.tokens(batch.captions)), (0, 1), value=1.0)
        features = tone_features(batch.guides).flatten(2)
        residual = (batch.pictures - (2 * batch.guides[:, :3] - 1)).flatten(2)
        squares = torch.einsum("bkp,blp->bkl", features, features) / features.shape[-1]
        products = torch.einsum("bkp,bcp->bkc", features, residual) / features.shape[-1]
        normal = normal + torch.einsum("bi,bj,bkl->ikjl", words, words, squares).double()
        wanted = wanted + torch.einsum("bi,bkc->ikc", words, products).double()
        said.append(words)
    standard = _standardising(torch.cat(said).double())
    normal = torch.einsum("ai,ikjl,bj->akbl", standard, normal, standard).flatten(0, 1).flatten(1)
    wanted = torch.einsum("ai,ikc->akc", standard, wanted).flatten(0, 1)
    ridge = RIDGE * normal.diagonal().mean() * torch.eye(len(normal), dtype=normal.dtype)
    found = torch.linalg.solve(normal + ridge, wanted).unflatten(0, (-1, TONE_FEATURES))
    found = torch.einsum("akc,ai->cki", found, standard).flatten(0, 1)  # [3 · features, words + 1]
    tone.weight.copy_(found[:, :-1])
    tone.bias.copy_(found[:, -1])


def _standardising(words: Tensor) -> Tensor:
    """[D + 1, D + 1]: what gives words [N, D + 1], the last 1, mean 0 and a mean square of 1 over all of them."""
    mean = words[:, :-1].mean(dim=0)
    scale = 1 / (words[:, :-1] - mean).square().mean().sqrt()
    matrix = torch.eye(words.shape[1], dtype=words.dtype)
    matrix[:-1] *= scale
    matrix[:-1, -1] = -scale * mean
    return matrix

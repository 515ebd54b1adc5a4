"""Classifier-free guidance: the one place where the guidance scale has its meaning."""

from __future__ import annotations

from torch import Tensor

from distill.prior import Prior, PromptEmbeds, predict_together


def classifier_free(unconditional: Tensor, conditional: Tensor, guidance_scale: float) -> Tensor:
    """e(∅) + s (e(y) - e(∅)): s = 0 is unconditional, s = 1 conditional, more goes beyond (2207.12598)."""
    return unconditional + guidance_scale * (conditional - unconditional)


def predict_guided(
    prior: Prior, x_t: Tensor, t: Tensor, embeds: PromptEmbeds, unconditional: PromptEmbeds, guidance_scale: float
) -> Tensor:
    """The guided prediction [B, C, h, w]; scales 0 and 1 need, and take, one prediction instead of two."""
    if guidance_scale == 1:
        return prior.predict_noise(x_t, t, embeds)
    if guidance_scale == 0:
        return prior.predict_noise(x_t, t, unconditional)
    conditional, free = predict_together(prior, x_t, t, embeds, unconditional)
    return classifier_free(free, conditional, guidance_scale)

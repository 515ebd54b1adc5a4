"""Delta denoising score (arXiv 2304.07090; section 3.3 of arXiv 2406.09417): edits a picture it is given."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from distill.guidance import predict_guided
from distill.prior import Prior, PromptEmbeds
from distill.rules.rule import PromptBatch, checked
from distill.schedule import Weighting


@dataclass(frozen=True)
class DDS:
    """w(t) (e(x_t; y_tgt) - e(x_ref,t; y_src)), with the same noise and time in both.

    `reference` is x_ref [1 or B, C, h, w], the picture before the edit. The formula has no guidance (scale 1);
    its authors guide both predictions by 7.5.
    """

    reference: Tensor
    guidance_scale: float = 1.0
    weighting: Weighting = "uniform"
    name: str = "dds"

    def init(self, prior: Prior, before: object = None) -> None:
        if self.reference.shape[1:] != prior.shape:
            raise ValueError(
                f"the reference is {tuple(self.reference.shape)}, but pictures of {prior.name} are "
                f"[B, {', '.join(map(str, prior.shape))}]: encode it with the same prior"
            )

    def step(
        self,
        state: None,
        prior: Prior,
        x: Tensor,
        t: Tensor,
        noise: Tensor,
        prompts: PromptBatch,
        progress: float = 0.0,
    ) -> tuple[Tensor, None]:
        schedule = prior.schedule
        reference = self.reference.to(x).expand_as(x)
        both = torch.cat([schedule.add_noise(x, t, noise), schedule.add_noise(reference, t, noise)])
        embeds = PromptEmbeds.concatenate([prompts.target, prompts.source])
        unconditional = PromptEmbeds.concatenate([prompts.unconditional] * 2)
        guided = predict_guided(prior, both, t.repeat(2), embeds, unconditional, self.guidance_scale)
        target, source = guided.chunk(2)
        return checked(schedule.weight(t, self.weighting) * (target - source), self.name, t), None

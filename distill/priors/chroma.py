"""Chroma: FLUX's transformer without distilled guidance, T5 alone, and padding that is masked out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers.models.transformers.transformer_chroma import ChromaTransformer2DModel

from distill.prior import PromptEmbeds
from distill.priors.flux import Flux
from distill.priors.large import encoder_dtype
from distill.priors.loading import PriorError
from distill.priors.text import T5Encoder, pad_tokens


class Chroma(Flux):
    """A Prior from a folder with transformer, text_encoder and tokenizer (T5), vae and scheduler."""

    network_class: Any = ChromaTransformer2DModel
    text_parts = ("text_encoder", "tokenizer")
    guidance_scale = 5.0  # as diffusers samples it

    def _load_text(self) -> None:
        folder = self.folder / "tokenizer"
        if (folder / "spiece.model").is_file() and not (folder / "tokenizer.json").is_file():
            raise PriorError(
                f"{folder}: spiece.model but no tokenizer.json. Put that of any T5 v1.1 beside it, or make it once: "
                f'pip install sentencepiece protobuf; python -c "from transformers import T5Tokenizer as T; '
                f"T.from_pretrained('{folder}').save_pretrained('{folder}')\""
            )
        self._t5 = T5Encoder(self.folder, "", self.device, encoder_dtype(self.dtype))
        self._tokenizer = self._t5.tokenizer
        self._clip = None

    @torch.no_grad()
    def embed(self, prompts: Sequence[str]) -> PromptEmbeds:
        """The mask is true for a prompt's tokens and one of padding, the rule that Chroma was trained with."""
        if self._t5 is None:
            raise RuntimeError(f"{self.name}: the text encoder was freed; embed all prompts before")
        tokens, mask = pad_tokens(self._tokenizer, prompts, self.card.max_tokens, self.name)
        hidden = self._t5.model(tokens.to(self.device), attention_mask=mask.to(self.device))[0].float()
        seen = torch.arange(mask.shape[1]) <= mask.sum(1, keepdim=True)
        return PromptEmbeds(hidden, mask=seen.to(self.device))

    def _more_inputs(self, embeds: PromptEmbeds, patches: int) -> dict[str, Any]:
        # It stays boolean: numbers would be added to the attention's scores, and the padding would stay in sight,
        # as it does in the pipeline of diffusers 0.42, a known fault.
        assert embeds.mask is not None
        picture = embeds.mask.new_ones(len(embeds), patches)
        return {"attention_mask": torch.cat([embeds.mask, picture], dim=1)}

"""A CLIPTokenizer over the words of the captions: every word that occurs often is one token."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from training.corruptions import SYNONYMS, WHOLE_LISTS
from training.pictures import QUALITY
from training.world.captions import VIEWS, caption
from training.world.dice import Dice
from training.world.dressing import KNITTED
from training.world.kinds import KINDS
from training.world.materials import MATERIAL_WORDS

START, END = "<|startoftext|>", "<|endoftext|>"
# CLIP's own way to cut a text: letters, single digits, anything else.
WORDS = Regex(r"[a-z]+|[0-9]|[^\sa-z0-9]+")
# What prompts hold beside the captions' words.
ALWAYS = ("a photo of a an the with and in on of, a sketch of a, painting, 3d render", QUALITY, *WHOLE_LISTS,
          *(", ".join(words) for words in SYNONYMS.values()), *MATERIAL_WORDS, KNITTED)  # fmt: skip


def world_captions(each: int = 30) -> list[str]:
    """Captions of things that the world could make, `each` of every kind, whether or not they were rendered."""
    phrases = [make(Dice(seed)).phrase for make in KINDS.values() for seed in range(each)]
    return [caption(phrase, VIEWS[i % len(VIEWS)]) for i, phrase in enumerate(phrases)] * 10


def train_tokenizer(captions: Iterable[str], size: int = 1400) -> CLIPTokenizer:
    """A byte-level BPE in CLIP's format with at most `size` tokens; any text can be read with it."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=END))
    tokenizer.normalizer = normalizers.Lowercase()  # type: ignore[assignment]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([  # type: ignore[assignment]
        pre_tokenizers.WhitespaceSplit(),
        pre_tokenizers.Split(WORDS, "removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, min_frequency=2, special_tokens=[START, END], initial_alphabet=alphabet,
        end_of_word_suffix="</w>", show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator([*captions, *ALWAYS * 200], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return _as_clip(model["vocab"], model["merges"], sorted(alphabet))


def _as_clip(vocabulary: dict[str, int], merges: list[list[str] | str], alphabet: list[str]) -> CLIPTokenizer:
    for letter in alphabet:
        for token in (letter, letter + "</w>"):
            vocabulary.setdefault(token, len(vocabulary))
    lines = [pair if isinstance(pair, str) else " ".join(pair) for pair in merges]
    with tempfile.TemporaryDirectory() as folder:
        words, rules = Path(folder, "vocab.json"), Path(folder, "merges.txt")
        words.write_text(json.dumps(vocabulary), encoding="utf-8")
        rules.write_text("#version: 0.2\n" + "\n".join(lines) + "\n", encoding="utf-8")
        return CLIPTokenizer(vocab=str(words), merges=str(rules), unk_token=END, pad_token=END)

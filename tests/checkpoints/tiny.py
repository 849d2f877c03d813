"""Tiny models in the Hub's layout, from the fixtures in tests/data."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor

DATA = Path(__file__).parent.parent / "data"


def fixture(name: str) -> tuple[dict[str, Tensor], dict[str, Any], dict[str, Tensor]]:
    """Tensors in and out, the configuration, and the weights by their released names."""
    file = DATA / f"{name}.safetensors"
    tensors = load_file(file)
    with safe_open(file, "pt") as opened:
        config = json.loads(opened.metadata()["meta"])["config"]
    weights = {k.removeprefix("sd."): v for k, v in tensors.items() if k.startswith("sd.")}
    return {k: v for k, v in tensors.items() if not k.startswith("sd.")}, config, weights


def released(name: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Configuration, and every weight by its released name, without memory behind it."""
    listed = json.loads((DATA / "released_text_and_judges.json").read_text())[name]
    weights = {
        pattern.replace("*", str(layer)): torch.empty(shape, device="meta")
        for pattern, (shape, *layers) in listed["weights"].items()
        for layer in (range(*layers) if layers else [0])
    }
    assert len(weights) == listed["count"]
    return listed["config"], weights


def write_tokenizer(folder: Path, words: int, template: str) -> None:
    """A tokenizer that reads "w7 w44" as 7, 44; 1 is the token at the ends."""
    vocabulary = {f"w{i}": i for i in range(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="w2"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[("w1", 1)]
    )
    # As files on the Hub have it: these settings must not be believed.
    tokenizer.enable_padding(length=20)
    tokenizer.save(str(folder / "tokenizer.json"))


def phrases(ids: Tensor, mask: Tensor) -> list[str]:
    """What `write_tokenizer`'s tokenizer reads as these tokens, those at the ends apart."""
    return [
        " ".join(f"w{token}" for token in row[kept.bool()].tolist() if token != 1)
        for row, kept in zip(ids, mask, strict=True)
    ]


def write_model(folder: Path, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file({k: v.contiguous() for k, v in weights.items()}, folder / "model.safetensors")


def distance(ours: Tensor, theirs: Tensor) -> float:
    """Relative: ||ours - theirs|| / ||theirs||."""
    return float((ours - theirs).norm() / theirs.norm())

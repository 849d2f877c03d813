"""SAM 2 and SAM 3 as segmenters, at tiny sizes with random weights in the published format."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.segmentation.clips import click, disc_video
from tests.video.pictures import write_video

from soundsift.errors import SoundsiftError
from soundsift.segmentation import follow_object
from soundsift.segmentation import sam as sam_module

transformers = pytest.importorskip("transformers")

SIDE = 64


def sam2(folder: Path) -> Path:
    """A SAM 2 of pictures of 64 pixels."""
    backbone = {
        "hidden_size": 8,
        "num_attention_heads": 1,
        "image_size": [SIDE, SIDE],
        "window_positional_embedding_background_size": [2, 2],
        "blocks_per_stage": [1, 1, 1, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 2, 4, 8],
        "window_size_per_stage": [4, 2, 2, 2],
        "global_attention_blocks": [],
        "model_type": "sam2_hiera_det_model",
    }
    vision = {
        "backbone_config": backbone,
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        "fpn_hidden_size": 128,
        "model_type": "sam2_vision_model",
    }
    config = transformers.Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 128, "image_size": SIDE, "patch_size": 16},
        mask_decoder_config={"hidden_size": 128, "mlp_dim": 32, "iou_head_hidden_dim": 32},
        image_size=SIDE,
        memory_attention_hidden_size=128,
        memory_attention_feed_forward_hidden_size=32,
        memory_attention_num_layers=1,
        memory_attention_rope_feat_sizes=[4, 4],
        memory_encoder_hidden_size=128,
        memory_encoder_output_channels=64,
        mask_downsampler_embed_dim=128,
        memory_fuser_embed_dim=128,
        memory_fuser_intermediate_dim=32,
        num_maskmem=3,
        max_object_pointers_in_encoder=4,
    )
    torch.manual_seed(0)
    transformers.Sam2VideoModel(config).save_pretrained(folder)
    return folder


def test_sam2_follows_a_click_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures, _ = disc_video(14)
    path = write_video(tmp_path / "v.mkv", pictures)
    remembered = []
    forget = sam_module._forget

    def counted(session: Any, *rest: Any) -> None:
        forget(session, *rest)
        remembered.append(len(session.output_dict_per_obj[0]["non_cond_frame_outputs"]))

    monkeypatch.setattr(sam_module, "_forget", counted)
    track = follow_object(path, [click(6)], segmenter=f"sam2:{sam2(tmp_path / 'weights')}")
    assert len(track) == 14
    assert track.states[6] == "clicked"
    assert all(0 <= score <= 1 for score in track.scores)
    assert track.mask(6).shape == pictures[0].shape[:2]
    assert any(track.mask(index).any() for index in range(14))
    # What is too old to count is dropped: memory does not grow with the video.
    assert max(remembered) <= 2 * 6


def test_sam2_gets_boxes_and_points_where_they_are(tmp_path: Path) -> None:
    pictures, _ = disc_video(2)
    path = write_video(tmp_path / "v.mkv", pictures)
    weights = sam2(tmp_path / "weights")
    seen: list[dict[str, np.ndarray]] = []
    module = transformers.models.sam2_video.modeling_sam2_video.Sam2VideoInferenceSession
    add = module.add_point_inputs

    def spied(self: Any, number: int, index: int, inputs: dict[str, torch.Tensor]) -> None:
        seen.append({name: value.numpy().squeeze((0, 1)) for name, value in inputs.items()})
        add(self, number, index, inputs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "add_point_inputs", spied)
        from soundsift.video import Box, Point

        boxes = [Box.parse("24,18,48,36@0")]
        follow_object(path, [Point(0, 48, 36, False)], boxes, f"sam2:{weights}")
    # Of 96 x 72 pixels, in pixels of 64 x 64.
    expected = np.array([[16, 16], [48, 48], [32, 32]])
    np.testing.assert_allclose(seen[0]["point_coords"], expected)
    assert seen[0]["point_labels"].tolist() == [2, 3, 0]


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mkv", disc_video(2)[0])
    with pytest.raises(SoundsiftError, match="hf download facebook/sam3"):
        follow_object(path, [click()], segmenter="sam3")

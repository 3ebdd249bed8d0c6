"""Models of every architecture, as small as they get, that the tests of the adapters share."""

from januscl.train import CompactModel, ResnetModel, TransformersModel

SWIN = {
    "model_type": "swin", "image_size": 64, "embed_dim": 16, "depths": [1, 1, 1, 1],
    "num_heads": [1, 2, 2, 4], "window_size": 4,
    "out_features": ["stage1", "stage2", "stage3", "stage4"],
}  # fmt: skip
DINO = {
    "model_type": "rf_detr_dinov2", "hidden_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 2, "image_size": 64, "patch_size": 8, "num_windows": 2,
    "out_features": ["stage1", "stage2"],
}  # fmt: skip
CONFIGS = {
    "rf_detr": {
        "model_type": "rf_detr", "backbone_config": DINO, "d_model": 32, "decoder_ffn_dim": 64,
        "decoder_layers": 2, "decoder_self_attention_heads": 2, "decoder_cross_attention_heads": 2,
        "decoder_n_points": 2, "num_queries": 16, "group_detr": 2, "intermediate_size": 64,
    },
    "mask2former": {
        "model_type": "mask2former", "backbone_config": SWIN, "feature_size": 32,
        "mask_feature_size": 32, "hidden_dim": 32, "encoder_feedforward_dim": 64,
        "encoder_layers": 1, "decoder_layers": 3, "num_attention_heads": 2, "dim_feedforward": 64,
        "num_queries": 12, "train_num_points": 256,
    },
    "eomt": {
        "model_type": "eomt", "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2,
        "image_size": 64, "patch_size": 8, "num_upscale_blocks": 1, "num_blocks": 2,
        "train_num_points": 256, "num_queries": 12, "num_register_tokens": 1,
    },
}  # fmt: skip
NAMES = ("compact", "resnet", *CONFIGS)


def make(name, kinds, seed=0):
    """Return an untrained model for pictures of 64 px."""
    if name == "compact":
        return CompactModel.new(kinds, 64, seed)
    if name == "resnet":
        return ResnetModel.new(kinds, 64, seed, blocks=(1, 1, 1, 1))
    return TransformersModel.new(kinds, CONFIGS[name], 64, seed)

"""Models by name, without torch: those built new, and those with weights from elsewhere."""

NEW = (
    "compact",
    "mask-rcnn-r50",
    "rf-detr-seg-nano",
    "rf-detr-seg-small",
    "mask2former-tiny",
    "eomt-small",
)
"""What `januscl.train.new_model` builds, untrained."""
PRETRAINED = "hf:"
"""Stands before a name on huggingface.co, or a folder, with weights that were trained elsewhere."""


def is_new(name: str) -> bool:
    """Say whether a name is of a model that must be taught before it sees anything."""
    return name in NEW or name.startswith(PRETRAINED)

"""A new robot's model from a pretrained one: all that it sees, none of the kinds that it knew."""

import torch

from januscl.core import Taxonomy
from januscl.train.model import CompactModel


def for_kinds(model: CompactModel, taxonomy: Taxonomy) -> CompactModel:
    """Return a model that finds and cuts out what ``model`` does and names the kinds of a taxonomy.

    A kind that ``model`` knows by name keeps what it learned of it, under the taxonomy's id. The
    others start level, so that a few labels can teach them; until then their names mean nothing.
    Where something is, and its outline, do not depend on the kinds, and are as they were.

    Raises:
        InvalidInput: The taxonomy is empty.
    """
    fresh = CompactModel.new(taxonomy, model.input_px, device=str(model.device))
    geometry = {
        name: tensor
        for name, tensor in model.network.state_dict().items()
        if not name.startswith("roi_heads.box_predictor.kinds.")
    }
    fresh.network.load_state_dict(geometry, strict=False)
    old = model.network.roi_heads.box_predictor.kinds
    new = fresh.network.roi_heads.box_predictor.kinds
    with torch.no_grad():
        new.weight.zero_()
        new.bias.zero_()
        for row, kind in enumerate(taxonomy):
            if model.taxonomy.has(kind.name):
                known = model.rows.index(model.taxonomy.named(kind.name).id)
                new.weight[row], new.bias[row] = old.weight[known], old.bias[known]
    return fresh

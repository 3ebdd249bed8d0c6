"""A new robot's model from a pretrained one: all that it sees, none of the kinds that it knew."""

import copy

import torch
from torch import nn

from januscl.core import Taxonomy
from januscl.train.prepare import check_kinds
from januscl.train.torch_model import Model


def for_kinds(model: Model, taxonomy: Taxonomy) -> Model:
    """Return a model that finds and cuts out what ``model`` does and names the kinds of a taxonomy.

    A kind that ``model`` knows by name keeps what it learned of it, under the taxonomy's id. The
    others start level, so that a few labels can teach them; until then their names mean nothing.
    Where something is, and its outline, do not depend on the kinds, and are as they were.

    Raises:
        InvalidInput: The taxonomy is empty.
    """
    check_kinds(taxonomy)
    network = copy.deepcopy(model.network)
    old = network.naming
    new = nn.Linear(old.in_features, len(taxonomy), device=old.weight.device)
    with torch.no_grad():
        new.weight.zero_()
        new.bias.zero_()
        for row, kind in enumerate(taxonomy):
            if model.taxonomy.has(kind.name):
                known = model.rows.index(model.taxonomy.named(kind.name).id)
                new.weight[row], new.bias[row] = old.weight[known], old.bias[known]
    network.name_kinds(new)
    rows = tuple(kind.id for kind in taxonomy)
    return type(model)(network, taxonomy, rows, model.input_px)

import numpy as np
import pytest

from januscl.core import InvalidInput, Taxonomy
from januscl.train import CompactModel, factory_model, for_kinds

PICTURE = np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)


def test_a_new_robots_model_finds_what_the_pretrained_one_does_and_names_its_own_kinds():
    model = factory_model()
    known = Taxonomy().with_kind("bottle").with_kind("box")
    made = for_kinds(model, known)
    (before,), (after,) = model.predict([PICTURE], floor=0.0), made.predict([PICTURE], floor=0.0)
    assert len(after) > 0
    assert after.masks == before.masks
    assert np.allclose(after.scores, before.scores, atol=1e-5)
    assert set(after.labels.tolist()) <= {1, 2}
    assert made.taxonomy == known


def test_a_kind_known_by_name_keeps_what_was_learned_of_it_under_the_robots_id():
    model = factory_model()
    known = Taxonomy().with_kind("bottle").with_kind("tube")
    made = for_kinds(model, known)
    old, new = (m.network.roi_heads.box_predictor.kinds for m in (model, made))
    row = model.rows.index(model.taxonomy.named("tube").id)
    assert (new.weight[1] == old.weight[row]).all()
    assert not new.weight[0].any()


def test_the_pretrained_model_is_left_as_it_was(kinds):
    model = CompactModel.new(kinds, input_px=64)
    before = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    made = for_kinds(model, Taxonomy().with_kind("bottle"))
    for tensor in made.network.state_dict().values():
        tensor.zero_()
    assert all((t == before[name]).all() for name, t in model.network.state_dict().items())


def test_a_robot_without_kinds_is_refused(kinds):
    with pytest.raises(InvalidInput, match="at least one kind"):
        for_kinds(CompactModel.new(kinds, input_px=64), Taxonomy())

import numpy as np
import pytest
import torch
import torchvision
from train_piles import draw

from januscl.core import InvalidInput, NotFound, Taxonomy, decode_mask, mask_iou
from januscl.core.contracts import check_model
from januscl.train import CompactModel, Naive, Settings, fit
from januscl.train.weights import read_tensors, write_tensors


@pytest.fixture(scope="module")
def trained(kinds):
    model = CompactModel.new(kinds, input_px=64)
    settings = Settings(steps=36, batch=4, lr=3e-3, threads=1, frozen_norm=False)
    return fit(model, [draw(i) for i in range(24)], [], Naive(), settings).model


def test_the_compact_model_keeps_the_contract_untrained_and_trained(kinds, trained):
    check_model(CompactModel.new(kinds, input_px=64))
    check_model(trained)


def test_a_short_training_finds_the_packages_of_new_pictures(trained):
    found = 0
    frames = [draw(seed, count=2) for seed in range(100, 110)]
    for frame, seen in zip(frames, trained.predict([f.image for f in frames]), strict=True):
        sure = seen.only(seen.scores > 0.4)
        everything = np.zeros(frame.image.shape[:2], bool)
        for mask in sure.masks:
            everything |= decode_mask(mask)
        truth = np.zeros_like(everything)
        for mask in frame.truth.masks:
            truth |= decode_mask(mask)
        found += (everything & truth).sum() / (everything | truth).sum() > 0.5
    assert found >= 8


def test_the_network_is_small_enough_to_ship(kinds, tmp_path):
    CompactModel.new(kinds).save(str(tmp_path / "m.safetensors"))
    assert (tmp_path / "m.safetensors").stat().st_size < 8_000_000


def test_growing_by_a_kind_changes_nothing_that_was_predicted(trained):
    grown = trained.grown(trained.taxonomy.with_kind("bag", "soft").with_kind("tin", "cylinder"))
    images = [draw(seed).image for seed in range(50, 54)]
    for before, after in zip(trained.predict(images), grown.predict(images), strict=True):
        assert len(before) > 0
        assert before.masks == after.masks
        assert np.array_equal(before.labels, after.labels)
        assert np.allclose(before.scores, after.scores, atol=1e-5)
        assert np.allclose(before.embeddings, after.embeddings)


def test_a_grown_kind_can_be_taught_and_keeps_its_permanent_id(trained, kinds):
    sparse = Taxonomy((*kinds.kinds, *kinds.with_kind("x").with_kind("bag").kinds[-1:]))
    bag = sparse.named("bag").id
    frames = []
    for frame in (draw(i) for i in range(12)):
        truth = frame.truth
        object.__setattr__(truth, "labels", np.where(truth.labels == 2, bag, truth.labels))
        frames.append(frame)
    settings = Settings(steps=16, batch=4, lr=2e-3, threads=1)
    taught = fit(trained.grown(sparse), frames, [], Naive(), settings).model
    seen = taught.predict([f.image for f in frames])
    assert bag == 4
    assert bag in np.concatenate([s.labels[s.scores > 0.5] for s in seen])


def test_growing_never_drops_a_kind(trained):
    with pytest.raises(InvalidInput, match="ids are permanent"):
        trained.grown(Taxonomy().with_kind("box"))


def test_one_thing_is_never_found_under_two_kinds(trained):
    for seen in trained.predict([draw(seed).image for seed in range(60, 64)]):
        boxes = torch.from_numpy(seen.boxes)
        overlap = torchvision.ops.box_iou(boxes, boxes).fill_diagonal_(0)
        assert overlap.max() < 0.55


def test_masks_have_the_size_of_any_picture_and_follow_it(trained):
    small = draw(70)
    large = np.repeat(np.repeat(small.image, 5, axis=0), 5, axis=1)
    one, five = trained.predict([small.image])[0], trained.predict([large])[0]
    assert five.masks[0].height == 320
    wide = np.zeros((40, 200, 3), np.uint8)
    assert all((m.height, m.width) == (40, 200) for m in trained.predict([wide])[0].masks)
    shrunk = decode_mask(five.masks[0])[2::5, 2::5]
    best = max((shrunk & decode_mask(m)).sum() / (shrunk | decode_mask(m)).sum() for m in one.masks)
    assert best > 0.8


def test_floor_and_limit_bound_what_is_reported(trained):
    image = draw(71).image
    everything = trained.predict([image], floor=0.0)[0]
    assert len(trained.predict([image], limit=2)[0]) == 2
    assert len(everything) > len(trained.predict([image], floor=0.3)[0])
    assert (trained.predict([image], floor=0.3)[0].scores >= 0.3).all()


def test_frame_embeddings_tell_an_empty_bin_from_full_ones(trained):
    images = [draw(seed).image for seed in range(80, 88)] + [np.full((64, 64, 3), 90, np.uint8)]
    at = np.stack([seen.frame_embedding for seen in trained.predict(images)])
    apart = np.linalg.norm(at[:, None] - at[None], axis=2)
    assert at.shape == (9, 128)
    assert apart[8, :8].mean() > 2 * apart[:8, :8].mean()


def test_embeddings_of_one_kind_lie_nearer_than_those_of_two(trained):
    frames = [draw(seed) for seed in range(24)]
    features, labels = [], []
    for frame, seen in zip(frames, trained.predict([f.image for f in frames]), strict=True):
        overlap = mask_iou(seen.masks, frame.truth.masks)
        sure = overlap.max(axis=1) > 0.7
        features.append(seen.embeddings[sure])
        labels.append(frame.truth.labels[overlap.argmax(axis=1)[sure]])
    x, kind = np.concatenate(features), np.concatenate(labels)
    apart = np.linalg.norm(x[:, None] - x[None], axis=2)
    same = kind[:, None] == kind[None]
    assert x.shape[1] == 96
    assert apart[same & ~np.eye(len(x), dtype=bool)].mean() < apart[~same].mean()


def test_a_saved_model_predicts_the_same_when_loaded(trained, tmp_path):
    path = tmp_path / "m.safetensors"
    trained.save(path)
    loaded = CompactModel.load(path)
    one, other = trained.predict([draw(74).image])[0], loaded.predict([draw(74).image])[0]
    assert one.masks == other.masks
    assert np.array_equal(one.scores, other.scores)
    assert loaded.taxonomy == trained.taxonomy


def test_a_copy_has_its_own_weights(trained):
    copied = trained.copy()
    with torch.no_grad():
        next(copied.network.parameters()).zero_()
    assert next(trained.network.parameters()).abs().sum() > 0


def test_a_wrong_picture_is_refused_by_its_place(trained):
    with pytest.raises(InvalidInput, match=r"image 1: expected \(H, W, 3\) uint8 RGB"):
        trained.predict([np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)])


def test_missing_damaged_and_foreign_weights_are_refused(trained, tmp_path):
    path = tmp_path / "m.safetensors"
    with pytest.raises(NotFound, match="check the path"):
        CompactModel.load(path)
    trained.save(path)
    whole = path.read_bytes()
    for damaged in (b"", b"no weights", whole[: len(whole) // 2], whole[:-4] + b"\x00\x00\x80\x3f"):
        path.write_bytes(damaged)
        with pytest.raises(InvalidInput, match="fetch it again"):
            CompactModel.load(path)


@pytest.mark.parametrize(
    "rows", [None, [1], [1, "2"], [1, None], [1, [2]], [1, 2.0], [True, 2], {"1": 2}]
)
def test_rows_that_are_not_the_class_ids_of_the_taxonomy_are_refused(trained, tmp_path, rows):
    path = tmp_path / "m.safetensors"
    trained.save(path)
    tensors, card = read_tensors(path)
    write_tensors(path, tensors, card | {"rows": rows})
    with pytest.raises(InvalidInput, match=r"rows of .*: expected each class id of its taxonomy"):
        CompactModel.load(path)


def test_a_pickle_is_refused_and_never_executed(tmp_path):
    path = tmp_path / "m.safetensors"
    torch.save({"weights": torch.zeros(2)}, path)
    with pytest.raises(InvalidInput, match="a safetensors file written by Janus"):
        CompactModel.load(path)


@pytest.mark.parametrize("size", [0, 30, 100, 4096])
def test_an_input_size_that_the_network_cannot_take_is_refused(kinds, size):
    with pytest.raises(InvalidInput, match="multiple of 16"):
        CompactModel.new(kinds, input_px=size)

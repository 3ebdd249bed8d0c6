import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tiny_models import CONFIGS, NAMES, make
from train_piles import draw

from januscl.core import Instances, InvalidInput, LabelledFrame, NotFound, Taxonomy, mask_iou
from januscl.core.contracts import check_model, check_strategy
from januscl.train import (
    NEW,
    Checkpoint,
    Naive,
    Settings,
    TransformersModel,
    fit,
    for_kinds,
    load_model,
    new_model,
    strategy_named,
)
from januscl.train.crew import Team
from januscl.train.loop import _batch_of
from januscl.train.weights import read_tensors, write_tensors

LARGE = NAMES[1:]
PILES = [draw(seed) for seed in range(6)]
QUICK = Settings(steps=5, batch=2, lr=3e-3, warmup=0, threads=1, frozen_norm=False)


@pytest.fixture(scope="module")
def models(kinds):
    return {name: make(name, kinds) for name in NAMES}


def same(one, other):
    assert one.masks == other.masks
    assert np.array_equal(one.scores, other.scores)
    assert np.array_equal(one.labels, other.labels)
    assert np.array_equal(one.embeddings, other.embeddings)


@pytest.mark.parametrize("name", LARGE)
def test_every_architecture_keeps_the_contract(models, name):
    check_model(models[name])


@pytest.mark.parametrize("name", NAMES)
def test_any_models_file_is_read_by_one_door_and_predicts_the_same(models, tmp_path, name):
    path = tmp_path / "m.safetensors"
    models[name].save(path)
    loaded = load_model(path)
    assert type(loaded) is type(models[name])
    assert (loaded.taxonomy, loaded.input_px) == (models[name].taxonomy, 64)
    same(
        loaded.predict([PILES[0].image], floor=0)[0],
        models[name].predict([PILES[0].image], floor=0)[0],
    )
    for (a, one), (b, other) in zip(
        loaded.network.state_dict().items(), models[name].network.state_dict().items(), strict=True
    ):
        assert a == b
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", LARGE)
def test_a_seed_makes_one_model(kinds, models, name):
    images = [PILES[0].image]
    same(make(name, kinds).predict(images, floor=0)[0], models[name].predict(images, floor=0)[0])
    one, other = (make(name, kinds, seed).network.state_dict() for seed in (0, 1))
    assert any(not torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", LARGE)
def test_growing_by_a_kind_changes_nothing_that_is_seen_and_renumbers_nothing(models, name):
    model = models[name]
    grown = model.grown(model.taxonomy.with_kind("bag", "soft"))
    assert grown.rows == (1, 2, 3)
    images = [pile.image for pile in PILES[:2]]
    found = 0
    for before, after in zip(
        model.predict(images, floor=0), grown.predict(images, floor=0), strict=True
    ):
        found += len(before)
        assert before.masks == after.masks
        assert np.allclose(before.scores, after.scores, atol=1e-6)
        assert np.array_equal(before.labels, after.labels)
    assert found


@pytest.mark.parametrize("name", tuple(CONFIGS))
def test_five_steps_lower_the_loss(models, name):
    five = replace(QUICK, batch=1, lr=3e-2)  # of which attention layers take a tenth
    losses = fit(models[name], PILES[:1], [], Naive(), five).losses
    assert np.mean(losses[-2:]) < 0.95 * losses[0]


@pytest.mark.parametrize("name", ["mask2former", "eomt"])
def test_a_taught_transformer_finds_what_it_was_shown_and_names_a_new_kind(models, name):
    model = models[name].grown(models[name].taxonomy.with_kind("bag", "soft"))
    pile = draw(3, count=2)
    bags = LabelledFrame("bags", pile.image, Instances.of_masks(pile.truth.masks, [3, 3]))
    long = replace(QUICK, steps=60, batch=1, lr=3e-2)
    seen = fit(model, [bags], [], Naive(), long).model.predict([pile.image], limit=2)[0]
    assert set(seen.labels.tolist()) == {3}
    assert mask_iou(seen.masks, pile.truth.masks).max() > 0.6


@pytest.mark.parametrize("name", LARGE)
def test_pictures_in_which_nothing_lies_teach_that_there_is_nothing(models, name):
    bare = LabelledFrame("bare", np.full((64, 64, 3), 90, np.uint8), Instances.empty())
    report = fit(models[name], [bare], [], Naive(), replace(QUICK, steps=4, batch=1))
    assert np.isfinite(report.losses).all()
    assert report.losses[-1] < report.losses[0]
    mixed = fit(models[name], [bare, PILES[0]], [], Naive(), replace(QUICK, steps=1))
    assert np.isfinite(mixed.losses).all()


@pytest.mark.parametrize("name", tuple(CONFIGS))
@pytest.mark.parametrize("strategy", ["replay+interpolate", "replay+lora", "replay+ewc"])
def test_strategies_keep_their_contract_on_transformers(models, name, strategy):
    model = models[name]
    check_strategy(
        strategy_named(strategy), 0, model.network, lambda frames: _batch_of(model, frames)
    )
    report = fit(model, PILES[:2], PILES[2:4], strategy_named(strategy), replace(QUICK, steps=2))
    assert report.model.network.state_dict().keys() == model.network.state_dict().keys()
    assert np.isfinite(report.losses).all()


@pytest.mark.parametrize("name", tuple(CONFIGS))
def test_only_a_mask_rcnn_can_be_distilled(models, name):
    with pytest.raises(InvalidInput, match="a Mask R-CNN, found QueryNetwork"):
        fit(models[name], PILES[:1], PILES[1:2], strategy_named("replay+distill"), QUICK)


def test_the_large_mask_rcnn_can_be_distilled(models):
    strategy = strategy_named("replay+distill")
    report = fit(models["resnet"], PILES[:2], PILES[2:4], strategy, replace(QUICK, steps=1))
    assert np.isfinite(report.losses).all()


@pytest.mark.parametrize("name", tuple(CONFIGS))
def test_interpolation_goes_back_to_the_champion_but_for_a_kind_it_was_never_taught(models, name):
    champion = models[name].grown(models[name].taxonomy.with_kind("bag", "soft"))
    trained = champion.copy()
    with torch.no_grad():
        for parameter in trained.network.parameters():
            parameter += 1
    between = trained.towards(champion, 0.25).network.state_dict()
    old, new = champion.network.state_dict(), trained.network.state_dict()
    rows = between["kind_layer.kinds.bias"]
    assert torch.equal(rows[2], new["kind_layer.kinds.bias"][2])
    assert torch.allclose(rows[:2], old["kind_layer.kinds.bias"][:2] + 0.25)


@pytest.mark.parametrize("name", tuple(CONFIGS))
def test_a_run_that_was_stopped_goes_on_with_the_same_losses(models, tmp_path, name):
    whole = fit(models[name], PILES, [], Naive(), replace(QUICK, steps=4)).losses
    kept = Checkpoint(tmp_path / "run.safetensors", every=2)

    class Stopped(Exception):
        pass

    def stop(done, of, loss):
        if done == 2:
            raise Stopped

    four = replace(QUICK, steps=4)
    with pytest.raises(Stopped):
        fit(models[name], PILES, [], Naive(), four, checkpoint=kept, progress=stop)
    again = fit(models[name], PILES, [], Naive(), four, checkpoint=kept)
    assert again.resumed_at == 2
    assert np.allclose(again.losses, whole, rtol=1e-5)


@pytest.mark.parametrize("name", LARGE)
def test_another_robots_kinds_are_named_and_everything_else_stays(models, name):
    model = models[name]
    other = for_kinds(model, Taxonomy().with_kind("tin").with_kind("disc"))
    assert other.rows == (1, 2)
    assert torch.equal(other.network.naming.weight[1], model.network.naming.weight[1])
    one, two = (m.predict([PILES[0].image], floor=0)[0] for m in (model, other))
    assert one.masks == two.masks


@pytest.mark.parametrize("name", LARGE)
def test_regions_are_described_in_the_space_of_what_is_predicted(models, name):
    frame = draw(9, height=48, width=64)
    seen = models[name].predict([frame.image], floor=0)[0]
    described = models[name].describe(frame.image, seen.masks)
    assert np.allclose(described, seen.embeddings, atol=1e-4)
    assert np.isfinite(seen.frame_embedding).all()


@pytest.mark.parametrize("name", tuple(CONFIGS))
def test_boxes_of_whole_masks_are_tight(models, name):
    seen = models[name].predict([draw(9, height=48, width=80).image], floor=0)[0]
    assert len(seen)
    truth = Instances.of_masks(seen.masks, seen.labels.tolist())
    assert np.array_equal(truth.boxes, seen.boxes)


@pytest.mark.parametrize("name", tuple(CONFIGS))
def test_pretrained_weights_are_taken_from_a_folder_and_only_the_heads_begin_anew(
    kinds, models, tmp_path, name
):
    elsewhere = TransformersModel.new(kinds, CONFIGS[name], 64, seed=5).network.model
    elsewhere.save_pretrained(tmp_path)
    model = TransformersModel.from_pretrained(tmp_path, kinds, 64, local_files_only=True)
    taken = model.network.model.state_dict()
    assert all(torch.equal(taken[key], value) for key, value in elsewhere.state_dict().items())
    check_model(model)
    again = new_model(f"hf:{tmp_path}", kinds, 64)
    same(*(m.predict([PILES[0].image], floor=0)[0] for m in (model, again)))


def test_weights_of_many_classes_become_a_model_of_packages(kinds, tmp_path):
    import transformers

    config = transformers.EomtConfig.from_dict({**CONFIGS["eomt"], "num_labels": 7})
    transformers.EomtForUniversalSegmentation(config).save_pretrained(tmp_path)
    model = TransformersModel.from_pretrained(tmp_path, kinds, local_files_only=True)
    assert model.network.model.class_predictor.out_features == 2
    check_model(model)


def test_a_pickle_of_weights_is_never_read(kinds, tmp_path):
    made = TransformersModel.new(kinds, CONFIGS["eomt"], 64).network.model
    made.config.save_pretrained(tmp_path)
    torch.save(made.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(NotFound, match="no model could be read from"):
        TransformersModel.from_pretrained(tmp_path, kinds, local_files_only=True)


def test_a_folder_that_is_no_model_and_a_family_that_is_none_of_ours_are_refused(kinds, tmp_path):
    with pytest.raises(NotFound, match=r"config\.json"):
        TransformersModel.from_pretrained(tmp_path / "gone", kinds, local_files_only=True)
    (tmp_path / "config.json").write_text('{"model_type": "detr"}')
    with pytest.raises(InvalidInput, match="one of rf_detr, mask2former, eomt"):
        TransformersModel.from_pretrained(tmp_path, kinds, local_files_only=True)


def altered(folder, **change):
    """Write a folder of weights, and then another configuration beside them."""
    kinds = Taxonomy().with_kind("box")
    TransformersModel.new(kinds, CONFIGS["eomt"], 64).network.model.save_pretrained(folder)
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    return folder


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"backbone": "attacker/repo"}, "backbone of .*expected none, found 'attacker/repo'"),
        ({"num_hidden_layers": 4}, "weights of .* missing or of another shape, such as"),
        ({"hidden_size": 64}, "weights of .* missing or of another shape, such as"),
        ({"hidden_size": "many"}, "one of EomtForUniversalSegmentation"),
        ({"image_size": [64, 64]}, "a model of transformers"),
    ],
)
def test_a_folder_whose_configuration_was_altered_is_refused(
    kinds, tmp_path, monkeypatch, change, said
):
    def ask(*words, **named):
        raise AssertionError("the network was asked")

    monkeypatch.setattr("transformers.backbone_utils.hf_api", ask)
    with pytest.raises(InvalidInput, match=said):
        TransformersModel.from_pretrained(altered(tmp_path, **change), kinds, local_files_only=True)


def test_weights_that_are_cut_short_are_no_missing_model(kinds, tmp_path):
    weights = altered(tmp_path) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(InvalidInput, match="a model of transformers"):
        TransformersModel.from_pretrained(tmp_path, kinds, local_files_only=True)


def test_too_little_memory_is_no_missing_model(kinds, tmp_path, monkeypatch):
    def full(*words, **named):
        raise MemoryError

    monkeypatch.setattr("transformers.EomtForUniversalSegmentation.from_pretrained", full)
    with pytest.raises(MemoryError):
        TransformersModel.from_pretrained(altered(tmp_path), kinds, local_files_only=True)


def test_a_side_that_a_configuration_cannot_take_gives_way_to_the_nearest(kinds):
    backbone = CONFIGS["rf_detr"]["backbone_config"] | {"image_size": 70}
    config = CONFIGS["rf_detr"] | {"backbone_config": backbone}
    assert TransformersModel.new(kinds, config).input_px == 64


def test_several_processes_cannot_train_a_transformer(models, monkeypatch):
    monkeypatch.setattr("januscl.train.loop.team", lambda: Team(0, 2))
    with pytest.raises(InvalidInput, match="one process for TransformersModel, found 2"):
        fit(models["eomt"], PILES[:2], [], Naive(), QUICK)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "detr"}, "one of rf_detr, mask2former, eomt"),
        ({"hidden_size": "many"}, "EomtForUniversalSegmentation"),
        ({"backbone_config": {"model_type": "timm_backbone"}}, "backbone"),
        ({"hidden_size": 2**14}, "tensors of this network"),
        ({"backbone": "attacker/repo"}, "backbone of .*expected none"),
        ({"deep": {"use_timm_backbone": True}}, "use_timm_backbone of .*expected none"),
        ({"num_hidden_layers": 10**6}, "num_hidden_layers of .*128 in all or fewer"),
        ({"image_size": 10**9}, "image_size of .*or less"),
        ({"feature_strides": [1] * 300}, "256 entries or fewer"),
        ({"image_size": 8192}, "tensors of this network"),
    ],
)
def test_a_file_whose_plan_was_altered_is_refused(models, tmp_path, change, said):
    path = tmp_path / "m.safetensors"
    models["eomt"].save(path)
    tensors, card = read_tensors(path)
    config = {**card["plan"]["config"], **change}
    write_tensors(path, tensors, card | {"plan": {"config": config}})
    with pytest.raises(InvalidInput, match=said):
        load_model(path)


def test_a_file_whose_network_keeps_far_more_than_its_weights_is_refused(models, tmp_path):
    path = tmp_path / "m.safetensors"
    models["mask2former"].save(path)
    tensors, card = read_tensors(path)
    backbone = card["plan"]["config"]["backbone_config"]
    backbone["window_size"], backbone["depths"] = 200, [1, 1, 1, 1]
    heads = dict(zip("0123", backbone["num_heads"], strict=True))
    table = "relative_position_bias_table"
    for name in [name for name in tensors if table in name]:
        stage = name.split("layers.")[1][0]
        tensors[name] = torch.zeros((2 * 200 - 1) ** 2, heads[stage])
    write_tensors(path, tensors, card)
    with pytest.raises(InvalidInput, match="numbers beside its weights"):
        load_model(path)


def test_depths_that_sum_to_too_many_layers_are_refused(kinds):
    backbone = CONFIGS["mask2former"]["backbone_config"] | {"depths": [100, 100, 1, 1]}
    config = CONFIGS["mask2former"] | {"backbone_config": backbone}
    with pytest.raises(InvalidInput, match="depths of the model: expected 128 in all"):
        TransformersModel.new(kinds, config, 64)


def test_a_card_that_nests_without_end_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    card = '{"digest": ' + "[" * 10**5 + "]" * 10**5 + "}"
    save_file({"a": torch.zeros(1)}, path, {"januscl": card})
    with pytest.raises(InvalidInput, match="a safetensors file written by Janus"):
        load_model(path)


@pytest.mark.parametrize("blocks", [None, [3, 4, 6], [3, 4, 6, 0], [3, 4, 6, 10**9], "3463"])
def test_blocks_that_are_no_residual_network_are_refused(models, tmp_path, blocks):
    path = tmp_path / "m.safetensors"
    models["compact"].save(path)
    tensors, card = read_tensors(path)
    plan = {"architecture": "januscl-resnet-fpn-1", "plan": {"blocks": blocks}}
    write_tensors(path, tensors, card | plan)
    with pytest.raises(InvalidInput, match=r"four numbers in 1\.\.64"):
        load_model(path)


@pytest.mark.parametrize("name", [None, 3, "januscl-unknown-9"])
def test_a_file_of_an_unknown_architecture_is_refused(models, tmp_path, name):
    path = tmp_path / "m.safetensors"
    models["compact"].save(path)
    tensors, card = read_tensors(path)
    write_tensors(path, tensors, card | {"architecture": name})
    with pytest.raises(InvalidInput, match="one of the architectures"):
        load_model(path)


@pytest.mark.parametrize(
    ("name", "side", "said"),
    [
        ("resnet", 80, "a multiple of 32"),
        ("rf_detr", 72, "a multiple of 16"),
        ("rf_detr", 16, "a multiple of 16 in 32"),
        ("mask2former", 80, "a multiple of 32"),
        ("eomt", 128, "64, found 128"),
    ],
)
def test_a_side_that_a_model_cannot_take_is_refused(models, name, side, said):
    model = models[name]
    with pytest.raises(InvalidInput, match=said):
        type(model)(model.network, model.taxonomy, model.rows, side)


def test_a_side_with_fewer_patches_than_queries_is_refused(kinds):
    config = CONFIGS["rf_detr"] | {"num_queries": 30}
    with pytest.raises(InvalidInput, match="48 or more"):
        TransformersModel.new(kinds, config, 32)


def test_an_unknown_name_is_told_with_those_that_there_are(kinds):
    with pytest.raises(NotFound, match="rf-detr-seg-nano"):
        new_model("yolo", kinds)
    with pytest.raises(InvalidInput, match="at least one kind"):
        new_model("mask-rcnn-r50", Taxonomy())


@pytest.mark.parametrize(
    ("name", "millions", "side"),
    [
        ("compact", (1, 2), 192), ("mask-rcnn-r50", (40, 50), 320),
        ("rf-detr-seg-nano", (25, 40), 312), ("rf-detr-seg-small", (25, 40), 384),
        ("mask2former-tiny", (40, 55), 640), ("eomt-small", (20, 30), 640),
    ],
)  # fmt: skip
def test_named_models_have_the_published_sizes(kinds, monkeypatch, name, millions, side):
    monkeypatch.setattr("januscl.train.torch_model.device_named", lambda name: torch.device("meta"))
    with torch.device("meta"):
        model = new_model(name, kinds)
    count = sum(p.numel() for p in model.network.parameters()) / 1e6
    assert millions[0] <= count <= millions[1]
    assert model.input_px == side
    assert name in NEW

"""What people read and give: lists, labels, models; and what a robot learns at its check-in."""

import base64
from datetime import UTC, datetime, timedelta

import intake_scenes as scenes
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from januscl.annotate import make_task
from januscl.core import (
    Answer,
    Campaign,
    Cost,
    Deck,
    DeckItem,
    Event,
    EventKind,
    ModelVersion,
    Novelty,
    NoveltyState,
    Outcome,
    Release,
    Signal,
    Stage,
    Taxonomy,
    Ticket,
    Verdict,
    encode_mask,
    new_id,
)
from januscl.core.message import MEDIA_TYPE, model_statement
from januscl.core.wire import instances_from_json, rle_to_json
from januscl.line import intake
from januscl.line.checking_in import signing_key
from januscl.line.kinds import kinds_of
from januscl.line.settings import key_file
from januscl.line.wanting import RULE

NOW = datetime.now(UTC)
TAXONOMY = Taxonomy().with_kind("box").with_kind("bag")
WEIGHTS = bytes(range(256)) * 40


@pytest.fixture
def full(house):
    """A house with one thing of each kind."""
    workspace, catalogue = house.workspace, house.workspace.catalogue
    digest = workspace.blobs.put(WEIGHTS)
    for id in ("m-0", "m-1"):
        catalogue.models.put(ModelVersion(id, digest, TAXONOMY, None, None, NOW, {"ap": 0.5}))
    catalogue.aliases.set("champion", "m-0")
    cost = Cost(3.0, 1.0, float(5))
    novelty = Novelty("n-1", "bag", NoveltyState.COLLECTING, NOW, NOW, 3, ("robot-1",), cost)
    catalogue.novelties.put(novelty)
    catalogue.campaigns.put(Campaign("c-1", "n-1", 10, NOW, NOW + timedelta(hours=1), ("o-1",)))
    catalogue.campaigns.put(Campaign("c-0", "n-1", 10, NOW, NOW - timedelta(hours=1)))
    catalogue.tickets.put(Ticket("t-1", "cam-1", "robot-1", "lamp", NOW, NOW))
    signal = Signal("camera.dark", 2.0, 0.01)
    event = Event("e-1", "o-1", "cam-1", "robot-1", NOW, EventKind.FAULT, "lamp", (signal,))
    catalogue.events.add(event)
    catalogue.decks.put(Deck("d-1", (DeckItem("o", digest, digest, "new"),), TAXONOMY, {}, 0))
    catalogue.verdicts.add("m-1", "m-0", Verdict(Answer.PASS, ("better",)))
    catalogue.releases.put(Release("r-1", "m-1", "m-0", "n-1", ("line-a",), Stage.BETA, NOW))
    message, (record,) = scenes.batch([1])
    house.ask("POST", "/observations", content=message, headers={"Content-Type": MEDIA_TYPE})
    intake.drain(workspace)
    catalogue.label_tasks.add(make_task(workspace.observation(record["id"]), "n-1"), digest)
    house.labelled = record["id"]
    return house


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("tickets", {"id": "t-1", "cause": "lamp", "closed": None}),
        ("novelties", {"id": "n-1", "cost": {"expected": 3.0, "low": 1.0, "high": 5.0}}),
        ("events", {"id": "e-1", "kind": "fault"}),
        ("decks", {"id": "d-1", "items": 1}),
        ("evaluations", {"model": "m-1", "champion": "m-0"}),
        ("releases", {"id": "r-1", "stage": "beta"}),
    ],
)
def test_what_the_line_knows_can_be_listed(full, name, part):
    (row,) = full.ask("GET", f"/{name}", "operator").json()
    assert {key: row[key] for key in part} == part


def test_lists_are_bounded(full):
    models = full.ask("GET", "/models", "operator").json()
    assert [model["id"] for model in models] == ["m-0", "m-1"]
    assert models[0]["taxonomy"][1]["name"] == "bag"
    assert [m["id"] for m in full.ask("GET", "/models?limit=1", "operator").json()] == ["m-1"]
    assert [c["id"] for c in full.ask("GET", "/campaigns", "admin").json()] == ["c-0", "c-1"]
    assert full.ask("GET", "/audit", "operator").json()[0]["action"] == "token.created"
    for limit in ("0", "1001", "x", "-1"):
        assert full.ask("GET", f"/models?limit={limit}", "operator").status_code == 422


def test_an_annotator_reads_the_tasks_with_their_proposals_and_gives_labels(full):
    (task,) = full.ask("GET", "/label-tasks", "annotator").json()
    assert task["observation"] == full.labelled
    assert len(instances_from_json(task["proposals"])) == 2
    mask = np.zeros((scenes.HEIGHT, scenes.WIDTH), bool)
    mask[5:9, 5:9] = True
    square = [12.0, 12.0, 20.0, 12.0, 20.0, 20.0, 12.0, 20.0]
    given = [
        {"category_id": 1, "segmentation": rle_to_json(encode_mask(mask))},
        {"category_id": 2, "segmentation": [square]},
    ]
    path = f"/label-tasks/{full.labelled}/label"
    answer = full.ask("POST", path, "annotator", json={"instances": given})
    assert answer.status_code == 204, answer.text
    label = full.workspace.catalogue.labels.get(full.labelled).label
    assert label.annotator == "annotator"
    assert label.truth.labels.tolist() == [1, 2]
    assert [rle.area for rle in label.truth.masks] == [16, 64]
    assert full.ask("GET", "/label-tasks", "annotator").json() == []


@pytest.mark.parametrize(
    "instances",
    [
        None,
        [{"category_id": 9, "segmentation": [[0, 0, 9, 0, 9, 9]]}],
        [{"category_id": "1", "segmentation": [[0, 0, 9, 0, 9, 9]]}],
        [{"category": "whale", "segmentation": [[0, 0, 9, 0, 9, 9]]}],
        [{"category_id": 1, "category": "bag", "segmentation": [[0, 0, 9, 0, 9, 9]]}],
        [{"category_id": 1, "category": 7, "segmentation": [[0, 0, 9, 0, 9, 9]]}],
        [{"category_id": 1, "segmentation": [[0, 0]]}],
        [{"category_id": 1, "segmentation": [[10**400] * 6]}],
        [{"category_id": 1, "segmentation": [[900, 900, 990, 900, 990, 990]]}],
        [{"category_id": 1, "segmentation": {"size": [8000, 8000], "counts": [64_000_000]}}],
        [{"category_id": 1, "segmentation": {"size": [24, 32], "counts": [768]}}],
        [{"category_id": 1}] * 1001,
        [7],
    ],
)
def test_a_label_that_cannot_be_right_is_refused_and_the_task_stays(full, instances):
    path = f"/label-tasks/{full.labelled}/label"
    answer = full.ask("POST", path, "annotator", json={"instances": instances})
    assert answer.status_code == 422, answer.text
    assert len(full.workspace.catalogue.label_tasks.pending()) == 1


def labels(house, *entries):
    """Label the frame of the one task; return the answer."""
    square = [[12.0, 12.0, 20.0, 12.0, 20.0, 20.0, 12.0, 20.0]]
    given = [{"segmentation": square, **entry} for entry in entries]
    path = f"/label-tasks/{house.labelled}/label"
    return house.ask("POST", path, "annotator", json={"instances": given})


def test_an_annotator_names_a_kind_that_no_model_knows_and_labels_by_it(full):
    assert labels(full, {"category": "tyre"}).status_code == 422, "a label makes no kind"
    told = full.ask("POST", "/kinds", "annotator", json={"name": "tyre", "shape": "ring"})
    assert told.json() == {"id": 3, "name": "tyre", "shape": "ring", "retired": False}
    again = full.ask("POST", "/kinds", "admin", json={"name": "tyre"})
    assert again.json() == told.json(), "the same name is the same kind"
    corner = [[0.0, 0.0, 6.0, 0.0, 6.0, 6.0, 0.0, 6.0]]
    by_id = {"category_id": 3, "segmentation": corner}
    assert labels(full, {"category": "tyre"}, by_id).status_code == 204
    label = full.workspace.catalogue.labels.get(full.labelled).label
    assert label.truth.labels.tolist() == [3, 3]
    kinds = full.ask("GET", "/kinds", "annotator").json()
    assert [(kind["id"], kind["name"]) for kind in kinds] == [(1, "box"), (2, "bag"), (3, "tyre")]


def test_the_id_of_a_kind_is_never_used_again(full):
    catalogue, weights = full.workspace.catalogue, full.workspace.blobs.put(WEIGHTS)
    grown = TAXONOMY.with_kind("crate")  # of a challenger that never became champion
    catalogue.models.put(ModelVersion("m-2", weights, grown, None, None, NOW, {}))
    assert full.ask("POST", "/kinds", "annotator", json={"name": "crate"}).json()["id"] == 3
    assert full.ask("POST", "/kinds", "annotator", json={"name": "tyre"}).json()["id"] == 4
    other = TAXONOMY.with_kind("drum")  # a champion from elsewhere, that took id 3 for its own
    catalogue.models.put(ModelVersion("m-3", weights, other, None, None, NOW, {}))
    catalogue.aliases.set("champion", "m-3")
    assert [k.name for k in kinds_of(catalogue)] == ["box", "bag", "drum", "tyre"]
    assert full.ask("POST", "/kinds", "annotator", json={"name": "tube"}).json()["id"] == 5


@pytest.mark.parametrize(
    "value",
    [
        None, [], {}, {"name": 3}, {"name": ""}, {"name": "Tyre"}, {"name": " tyre"},
        {"name": "a  b"}, {"name": "x" * 61}, {"name": "../etc"}, {"name": "<b>"},
        {"name": "tyre\u202e"}, {"name": "tyre", "shape": "round!"}, {"name": "tyre", "shape": 1},
    ],
)  # fmt: skip
def test_a_kind_whose_name_is_no_plain_words_is_refused(full, value):
    assert full.ask("POST", "/kinds", "annotator", json=value).status_code == 422
    assert len(kinds_of(full.workspace.catalogue)) == 2


def test_a_name_is_not_given_to_a_kind_of_another_shape(full):
    assert full.ask("POST", "/kinds", "annotator", json={"name": "tyre"}).status_code == 200
    again = full.ask("POST", "/kinds", "annotator", json={"name": "tyre", "shape": "ring"})
    assert again.status_code == 409
    assert "exists already, under id 3" in again.text


def test_without_a_champion_nobody_can_tell_which_id_is_free(house):
    assert house.ask("GET", "/kinds", "annotator").json() == []
    assert house.ask("POST", "/kinds", "annotator", json={"name": "tyre"}).status_code == 409


def test_an_annotator_sees_the_picture_of_a_task_and_of_nothing_else(full):
    answer = full.ask("GET", f"/label-tasks/{full.labelled}/image", "annotator")
    assert (answer.content, answer.headers["content-type"]) == (WEIGHTS, "image/png")
    message, (record,) = scenes.batch([2])
    full.ask("POST", "/observations", content=message, headers={"Content-Type": MEDIA_TYPE})
    intake.drain(full.workspace)
    assert full.ask("GET", f"/label-tasks/{record['id']}/image", "annotator").status_code == 404


def test_an_operator_sees_what_each_robot_should_run_and_runs(full):
    value = {"running": "m-0", "counters": {"observed": 4}, "error": "the lens is wet"}
    full.ask("POST", "/robots/robot-1/check-in", json=value)
    first, second = full.ask("GET", "/robots", "operator").json()
    assert (first["robot"], first["line"], first["desired"]) == ("robot-1", "line-a", "m-1")
    assert (first["running"], first["error"], first["counters"]) == (
        "m-0", "the lens is wet", {"observed": 4},
    )  # fmt: skip
    assert (second["robot"], second["seen"], second["running"]) == ("robot-2", None, None)


def test_a_label_that_nobody_asked_for_is_not_found(full):
    path = f"/label-tasks/{scenes.record(9)['id']}/label"
    assert full.ask("POST", path, "annotator", json={"instances": []}).status_code == 404


def test_a_robot_that_checks_in_learns_which_model_to_run_and_what_is_wanted(full):
    record = scenes.record(7, at=NOW.isoformat())
    full.ask("POST", "/observations", json=record)
    full.ask("POST", "/outcomes", json={"outcomes": [scenes.outcome(record["id"])]})
    intake.drain(full.workspace)
    value = {"running": "m-0", "counters": {"clock_ahead_ms": -3}, "error": None}
    answer = full.ask("POST", "/robots/robot-1/check-in", json=value).json()
    assert answer["wanted"] == [record["id"]], "a failed pick without its pixels"
    assert [(c["id"], c["quota"]) for c in answer["campaigns"]] == [("c-1", 10)]
    model = answer["model"]
    assert (model["id"], model["bytes"]) == ("m-1", len(WEIGHTS)), "its line tries the challenger"
    key = signing_key(key_file(full.settings)).public_key().public_bytes_raw()
    statement = model_statement("m-1", model["sha256"], model["bytes"])
    signature = base64.b64decode(model["signature"])
    Ed25519PublicKey.from_public_bytes(key).verify(signature, statement)
    (kept,) = full.workspace.catalogue.check_ins.list()
    assert (kept.robot, kept.running, kept.counters) == ("robot-1", "m-0", {"clock_ahead_ms": -3})


def test_a_robot_is_asked_for_the_pixels_of_what_a_novelty_collects(full):
    catalogue = full.workspace.catalogue
    sent = [scenes.record(20 + n, at=NOW.isoformat(), id=new_id(NOW, bytes([n] * 10)))
            for n in range(3)]  # fmt: skip
    message, (shown,) = scenes.batch([30])
    other = scenes.record(31, "robot-2", at=NOW.isoformat(), id=new_id(NOW, bytes([9] * 10)))
    for record in sent:
        full.ask("POST", "/observations", json=record)
    full.ask("POST", "/observations", json=other, who="robot-2")
    full.ask("POST", "/observations", content=message, headers={"Content-Type": MEDIA_TYPE})
    intake.drain(full.workspace)
    member, pinned, _ = (record["id"] for record in sent)
    old = new_id(NOW - timedelta(hours=25), bytes(10))
    catalogue.novelties.assign("n-1", [(id, 0) for id in (member, shown["id"], other["id"], old)])
    catalogue.pins.add([pinned, old], RULE)
    value = {"running": None, "counters": {}, "error": None}
    answer = full.ask("POST", "/robots/robot-1/check-in", json=value).json()
    assert answer["wanted"] == [pinned, member], "the latest first, and nobody else's"


def test_a_robot_without_a_champion_runs_what_it_has(house):
    value = {"running": None, "counters": {}, "error": None}
    answer = house.ask("POST", "/robots/robot-1/check-in", json=value).json()
    assert answer == {"model": None, "wanted": [], "campaigns": []}


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"running": 7},
        {"running": "\ud800"},
        {"counters": {"a": -(2**60)}},
        {"counters": {"A b": 1}},
        {"counters": {f"a{n}": 1 for n in range(65)}},
        {"counters": []},
        {"error": "x" * 2001},
    ],
)
def test_a_check_in_that_cannot_be_kept_is_refused(house, value):
    import json

    body = json.dumps(value)
    assert house.ask("POST", "/robots/robot-1/check-in", content=body).status_code == 422


def test_weights_come_whole_or_in_the_part_that_was_asked_for(full):
    whole = full.ask("GET", "/models/m-0/weights")
    assert whole.content == WEIGHTS
    tag = {"If-Range": whole.headers["ETag"]}
    part = full.ask("GET", "/models/m-0/weights", headers={"Range": "bytes=1000-", **tag})
    assert (part.status_code, part.content) == (206, WEIGHTS[1000:])
    other = {"Range": "bytes=1000-", "If-Range": '"other"'}
    assert full.ask("GET", "/models/m-0/weights", headers=other).content == WEIGHTS
    beyond = {"Range": "bytes=999999-"}
    assert full.ask("GET", "/models/m-0/weights", headers=beyond).status_code == 416
    assert full.ask("GET", "/models/m-9/weights").status_code == 404


def test_outcomes_are_those_of_core():
    from januscl.service import forms

    schema = forms.OUTCOMES["requestBody"]["content"]["application/json"]["schema"]
    pick = schema["properties"]["outcomes"]["items"]["properties"]["pick"]
    assert pick["properties"]["outcome"]["enum"] == [str(outcome) for outcome in Outcome]

import json
from dataclasses import replace

import numpy as np
import pytest

from januscl.core import Conflict, IntegrityError, InvalidInput, NotFound
from januscl.store import Workspace


@pytest.fixture
def workspace(tmp_path):
    with Workspace.open(tmp_path / "site") as workspace:
        yield workspace


def test_a_workspace_is_made_once_and_opened_again(workspace, observe):
    workspace.catalogue.observations.add(observe())
    with Workspace.open(workspace.folder) as again:
        assert again.catalogue.observations.get("o-1").camera == "cam-1"


def test_an_empty_folder_becomes_a_workspace(tmp_path):
    Workspace.open(tmp_path).close()
    assert (tmp_path / "catalogue.sqlite").is_file()


def test_a_folder_of_something_else_is_refused_untouched(tmp_path):
    (tmp_path / "thesis.txt").write_text("chapter 1")
    with pytest.raises(Conflict, match="not a Janus workspace"):
        Workspace.open(tmp_path)
    with pytest.raises(Conflict, match="not a Janus workspace"):
        Workspace.open(tmp_path / "thesis.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_workspace_that_was_killed_while_it_was_made_is_finished(tmp_path):
    Workspace.open(tmp_path).close()
    for path in tmp_path.glob("catalogue.sqlite*"):
        path.unlink()
    with Workspace.open(tmp_path) as workspace:
        assert workspace.catalogue.observations.counts()["observations"] == 0


def test_a_newer_or_damaged_workspace_is_refused(tmp_path):
    Workspace.open(tmp_path).close()
    mark = tmp_path / "janus-workspace.json"
    mark.write_text(json.dumps({"format": 3}))
    with pytest.raises(Conflict, match="Install a newer januscl"):
        Workspace.open(tmp_path)
    mark.write_text("{")
    with pytest.raises(IntegrityError, match="damaged"):
        Workspace.open(tmp_path)


def test_pictures_arrays_and_json_come_back_unchanged(workspace):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)
    assert np.array_equal(workspace.get_image(workspace.put_image(image)), image)
    for array in (rng.normal(size=(3, 4)).astype(np.float32), np.float64(2.5), np.zeros((0, 4))):
        back = workspace.get_array(workspace.put_array(array))
        assert back.dtype == np.asarray(array).dtype
        assert back.shape == np.shape(array)
        assert np.array_equal(back, array)
    value = {"b": [1, 2.5, None], "a": "é"}
    assert workspace.get_json(workspace.put_json(value)) == value
    assert workspace.put_json({"a": "é", "b": [1, 2.5, None]}) == workspace.put_json(value)


def test_nothing_in_an_array_is_unpickled(workspace):
    with pytest.raises(ValueError, match="allow_pickle"):
        workspace.put_array(np.array([{"a": 1}], dtype=object))
    hostile = workspace.blobs.put(b"\x80\x04cos\nsystem\n.")
    with pytest.raises(IntegrityError, match="no array"):
        workspace.get_array(hostile)


@pytest.mark.parametrize("pixels", [True, False])
def test_an_observation_is_kept_with_its_embeddings(workspace, observe, pixels):
    plain = observe()
    embeddings = np.arange(6, dtype=np.float32).reshape(2, 3)
    frame = np.ones(5, dtype=np.float32)
    seen = replace(plain.instances, embeddings=embeddings, frame_embedding=frame)
    assert workspace.keep(replace(plain, instances=seen), pixels=pixels) is True
    assert workspace.keep(replace(plain, instances=seen), pixels=pixels) is False
    if not pixels:
        with pytest.raises(NotFound, match="was not kept"):
            workspace.observation("o-1")
        return
    back = workspace.observation("o-1")
    assert np.array_equal(back.frame.image, plain.frame.image)
    assert back.instances.masks == plain.instances.masks
    assert np.array_equal(back.instances.embeddings, embeddings)
    assert np.array_equal(back.instances.frame_embedding, frame)


def test_an_observation_without_embeddings_has_none(workspace, observe):
    workspace.keep(observe())
    seen = workspace.observation("o-1").instances
    assert (seen.embeddings, seen.frame_embedding) == (None, None)


def test_a_damaged_model_file_is_written_anew(workspace):
    weights = workspace.blobs.put(b"weights")
    path = workspace.model_file(weights)
    assert path.suffix == ".safetensors"
    path.write_bytes(b"Weights")
    assert workspace.model_file(weights).read_bytes() == b"weights"
    with pytest.raises(InvalidInput, match="weights"):
        workspace.model_file("../../etc/passwd")


@pytest.mark.parametrize("name", ["site?a", "site#1", "site%20b", "a site", "site&c=d", "site:e@f"])
def test_a_workspace_lives_in_its_own_folder_whatever_that_is_called(tmp_path, observe, name):
    with Workspace.open(tmp_path / name) as workspace:
        workspace.catalogue.observations.add(observe())
        with pytest.raises(Conflict) as caught, workspace.catalogue.transaction():
            workspace.catalogue.observations.add(observe("o-2"))
        assert f"{tmp_path / name}/catalogue.sqlite" in str(caught.value)
    assert (tmp_path / name / "catalogue.sqlite").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with Workspace.open(tmp_path / (name + "2")) as other:
        assert other.catalogue.observations.counts()["observations"] == 0


def test_a_workspace_whose_mark_was_never_finished_is_made_all_the_same(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / ".janus-workspace.json.0a1b2c3d").write_bytes(b'{"for')
    Workspace.open(folder).close()
    assert (folder / "janus-workspace.json").is_file()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".janus-workspace.json.txt").touch()
    with pytest.raises(Conflict, match="not a Janus workspace"):
        Workspace.open(tmp_path / "other")


def test_nobody_else_on_the_machine_looks_into_a_new_workspace(tmp_path):
    Workspace.open(tmp_path / "deep" / "site").close()
    assert (tmp_path / "deep" / "site").stat().st_mode & 0o077 == 0
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o770)
    before = shared.stat().st_mode
    Workspace.open(shared).close()
    assert shared.stat().st_mode == before, "who made a folder says who may look into it"

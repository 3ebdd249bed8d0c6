from datetime import UTC, datetime

import pytest

from januscl.core import ModelVersion, Taxonomy
from januscl.line.checking_in import Desk, signing_key
from januscl.line.standing import UNTAUGHT
from januscl.store import Workspace

AT = datetime(2026, 3, 2, 6, tzinfo=UTC)
WELL = {"running": None, "counters": {}, "error": None}


@pytest.fixture
def site(tmp_path):
    with Workspace.open(tmp_path / "w") as workspace:
        yield workspace, Desk(workspace, signing_key(tmp_path / "key"), lambda: AT)


def champion(workspace, id, card):
    weights = workspace.blobs.put(id.encode())
    kinds = Taxonomy().with_kind("box", "box")
    workspace.catalogue.models.put(ModelVersion(id, weights, kinds, None, None, AT, card))
    workspace.catalogue.aliases.set("champion", id)


def test_no_robot_is_told_to_run_a_model_that_is_still_to_be_taught(site):
    workspace, desk = site
    assert desk.check_in("cell-1", WELL)["model"] is None, "there is none at all"
    champion(workspace, "m-1", {UNTAUGHT: True})
    assert desk.check_in("cell-1", WELL)["model"] is None
    champion(workspace, "m-2", {UNTAUGHT: False})
    assert desk.check_in("cell-1", WELL)["model"]["id"] == "m-2"

import io
import json
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from januscl.core import Cell
from januscl.line.access import create_token
from januscl.line.settings import Settings
from januscl.service import create_app
from januscl.store import Role, Workspace

sys.path.append(str(Path(__file__).parents[1] / "line"))  # the scenes of what robots send


class House:
    """A service over a workspace, with a token of each role, and what it logged."""

    def __init__(self, folder, **settings):
        self.workspace = Workspace.open(folder)
        self.log_file = io.StringIO()
        given = {"worker": False, "min_free_bytes": 0, "requests_a_second": 1e6, "burst": 10**6}
        self.settings = Settings(workspace=folder, **{**given, **settings})
        # Streams end at once: the client here waits for the whole of an answer.
        self.app = create_app(self.workspace, self.settings, self.log_file, lambda: True)
        self.client = TestClient(self.app, raise_server_exceptions=False)
        for robot in ("robot-1", "robot-2"):
            cell = Cell(robot, f"cam-{robot}", "line-a", "north")
            self.workspace.catalogue.cells.put(cell)
        self.tokens = {
            name: create_token(self.workspace.catalogue, name, role, robot)[0]
            for name, role, robot in (
                ("robot-1", Role.ROBOT, "robot-1"),
                ("robot-2", Role.ROBOT, "robot-2"),
                ("annotator", Role.ANNOTATOR, None),
                ("operator", Role.OPERATOR, None),
                ("admin", Role.ADMIN, None),
            )
        }

    def ask(self, method, path, who="robot-1", **given):
        headers = {**given.pop("headers", {})}
        if who is not None:
            headers["Authorization"] = f"Bearer {self.tokens.get(who, who)}"
        path = path if path.startswith("/api") else f"/api/v1{path}"
        return self.client.request(method, path, headers=headers, **given)

    @property
    def logged(self):
        return [json.loads(line) for line in self.log_file.getvalue().splitlines()]


@pytest.fixture
def make_house(tmp_path):
    made = []

    def make(**settings):
        made.append(House(tmp_path / f"w{len(made)}", **settings))
        return made[-1]

    yield make
    for house in made:
        house.client.close()
        house.workspace.close()


@pytest.fixture
def house(make_house):
    return make_house()

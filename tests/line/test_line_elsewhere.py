"""Jobs on machines that have nothing of the workspace but the way to its parts."""

import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from line_scenes import ALL, draw

from januscl.compute import LocalExecutor
from januscl.compute.keepsakes import FolderKeeper, keeping
from januscl.compute.progress import listening
from januscl.decks import Recipe, build_deck, freeze_slice
from januscl.line.elsewhere import place_of, workspace_at
from januscl.line.jobs import train_challenger
from januscl.line.keeping import keep_labelled
from januscl.line.shelf import Shelf
from januscl.store import Workspace

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))
from store_servers import Bucket, cluster, missing, s3_server

SETTINGS = {"steps": 27, "batch": 1, "threads": 1}


class Killed(BaseException):
    """What a job that is killed leaves behind, without a process to kill."""


@pytest.fixture(scope="module")
def servers():
    if missing() is not None:
        pytest.skip(missing())
    with cluster() as postgres, s3_server() as s3:
        yield postgres, s3


@pytest.fixture
def site(servers, untrained, tmp_path, monkeypatch):
    """A workspace in PostgreSQL and S3 with a deck, its place, and the way to its parts."""
    postgres, s3 = servers
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-key-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test-secret-key")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    name = postgres.fresh()
    url = postgres.url(name).replace("postgres@", "postgres:a-password@")
    folder = tmp_path / "here" / "w"
    with Workspace.open(folder, catalogue=url, blobs=f"s3://{Bucket(s3).name}") as workspace:
        champion = Shelf(workspace).add(
            untrained, datetime.now(UTC), parent=None, deck=None, card={}
        )
        items = keep_labelled(workspace, (draw(k, (3, 2)) for k in range(60, 63)), "new")
        deck = build_deck(items, taxonomy=ALL, recipe=Recipe(), seed=0, parent=champion.id)
        workspace.catalogue.decks.put(deck)
        workspace.catalogue.slices.put(freeze_slice("base", items))
        place = place_of(workspace)
    shutil.rmtree(folder)  # no job can see it
    yield place, deck.id, champion.id
    postgres.drop(name)


def test_a_folder_is_all_that_a_job_needs_of_a_workspace_that_is_one(tmp_path):
    with Workspace.open(tmp_path / "w") as workspace:
        assert place_of(workspace) == str(workspace.folder)


@pytest.mark.slow
def test_jobs_train_and_judge_where_nothing_of_the_workspace_is_but_its_urls(
    site, tmp_path, monkeypatch
):
    place, deck, champion = site
    assert "a-password" not in json.dumps(place)
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    executor = LocalExecutor(tmp_path / "jobs", threads=1)

    def done(function, **arguments):
        arguments = {"workspace": place} | arguments
        return executor.wait(executor.submit(function, arguments, key=function), timeout=120)

    settings = SETTINGS | {"steps": 2}
    made = done(
        "januscl.line.jobs:train_challenger", deck=deck, strategy="naive", settings=settings
    )
    verdict = done(
        "januscl.line.durable.jobs:judge_challenger",
        challenger=made["model"], champion=champion, target="base", seed=0, confidence=0.9,
    )  # fmt: skip
    assert [score["slice"] for score in verdict["slices"]] == ["base"]
    with workspace_at(place) as workspace:
        assert workspace.catalogue.models.get(made["model"]).deck == deck
    assert list((tmp_path / "there").iterdir()) == [], "a job leaves nothing where it ran"
    for file in (tmp_path / "jobs").rglob("*"):
        assert file.is_dir() or b"a-password" not in file.read_bytes()


def test_a_training_goes_on_on_another_machine_from_what_the_first_had_copied(
    site, tmp_path, monkeypatch
):
    place, deck, _ = site
    monkeypatch.setattr("januscl.line.elsewhere._PAUSE_SECONDS", 0.0)
    keeper, steps = FolderKeeper(tmp_path / "kept"), []

    def stop(told):
        if told["step"] == 26:
            raise Killed

    with pytest.raises(Killed), keeping(keeper), listening(stop):
        train_challenger(place, deck, "naive", SETTINGS)
    with keeping(keeper), listening(lambda told: steps.append(told["step"])):
        train_challenger(place, deck, "naive", SETTINGS)
    assert steps == [26, 27], "from the checkpoint at 25, which was in a folder that has gone"


def test_a_job_takes_the_password_from_the_environment_and_only_for_its_own_database(
    site, monkeypatch
):
    place, _, _ = site
    seen = []
    opened = Workspace.open.__func__

    def spied(cls, folder, **parts):
        seen.append(parts["catalogue"])
        return opened(cls, folder, **parts)

    monkeypatch.setattr(Workspace, "open", classmethod(spied))
    given = place["catalogue"].replace("postgres@", "postgres:a-password@")
    for url in (given, "postgresql+psycopg://me:other@elsewhere/janus"):
        monkeypatch.setenv("JANUS_DATABASE", url)
        with workspace_at(place):
            pass
    assert seen == [given, place["catalogue"]]

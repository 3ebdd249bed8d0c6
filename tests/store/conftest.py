from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from store_servers import Bucket, cluster, missing, s3_server

from januscl.core import Frame, Instances, Observation, encode_mask
from januscl.store import Catalogue

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgres():
    """Return a running PostgreSQL server of this session."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    with cluster() as running:
        yield running


@pytest.fixture(scope="session")
def filled_in(postgres):
    """Return the name of a database with the newest tables, to be copied."""
    name = postgres.fresh()
    Catalogue(postgres.url(name)).close()
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_place(request, tmp_path):
    """Return where a catalogue can be made: a path, and the URL of an empty database."""
    if request.param == "sqlite":
        yield tmp_path / "catalogue.sqlite"
        return
    postgres = request.getfixturevalue("postgres")
    name = postgres.fresh()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """Return where a catalogue is or will be: a path, and the URL of a database."""
    if request.param == "sqlite":
        yield tmp_path / "catalogue.sqlite"
        return
    postgres = request.getfixturevalue("postgres")
    name = postgres.fresh(request.getfixturevalue("filled_in"))
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def catalogue(place):
    with Catalogue(place) as catalogue:
        yield catalogue


@pytest.fixture
def noon():
    return NOON


@pytest.fixture
def observe():
    """Return a function that makes an observation of two packages."""

    def make(id="o-1", minutes=0.0, camera="cam-1", robot="robot-1", pick=None):
        mask = np.zeros((12, 16), dtype=bool)
        mask[2:6, 3:9] = True
        masks = [encode_mask(mask), encode_mask(~mask)]
        at = NOON + timedelta(minutes=minutes)
        frame = Frame(np.full((12, 16, 3), 7, dtype=np.uint8), camera, robot, at)
        return Observation(id, frame, Instances.of_masks(masks, [1, 2]), "m-0", pick)

    return make


@pytest.fixture(scope="session")
def s3():
    """Return the address of a server of this session that speaks S3."""
    with s3_server() as address:
        yield address


@pytest.fixture
def bucket(s3, request, monkeypatch):
    """Return an empty bucket, with all that leads to it in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-key-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test-secret-key")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    return Bucket(s3)

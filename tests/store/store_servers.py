"""Throw-away servers for the tests of the store: PostgreSQL and S3."""

import ctypes
import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

import pytest

DEBIAN = Path("/usr/lib/postgresql")
BINARIES = max(DEBIAN.glob("*/bin"), key=lambda path: float(path.parent.name), default=DEBIAN)
SETTINGS = {
    "fsync": "off",  # the machine does not lose power in a test; the server may be killed
    "full_page_writes": "off",
    "listen_addresses": "''",
    "shared_buffers": "16MB",
    "max_connections": "100",
}


class Cluster:
    """A PostgreSQL server on a socket in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.made = 0

    def url(self, database):
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def run(self, statement):
        import psycopg

        place = f"host={self.folder} user=postgres dbname=postgres"
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute(statement)

    def fresh(self, template="template1"):
        """Make a database and return its name."""
        self.made += 1
        name = f"test_{self.made}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name):
        self.run(f"DROP DATABASE {name} WITH (FORCE)")


def user():
    """Return how to be one that PostgreSQL accepts: anyone but root."""
    return {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}


def end_with_parent():
    """Let the kernel stop this process when the tests are killed, so that no server is left."""
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def missing():
    """Return why no server can be started here; None where one can."""
    if not (BINARIES / "initdb").is_file():
        return f"PostgreSQL's server is not installed in {DEBIAN} (Debian: postgresql)"
    if find_spec("psycopg") is None:
        return "psycopg is not installed (pip install 'januscl[postgres]')"
    return None


@contextmanager
def cluster():
    """Give a running cluster in a temporary folder."""
    folder = Path(mkdtemp(prefix="janus-pg-", dir="/tmp"))  # a socket's path must be short
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        made = ("--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8")
        # A locale that sorts a before B: names must not be sorted by it.
        program = (BINARIES / "initdb", "-D", folder / "data", *made)
        words = (*program, "--locale-provider=icu", "--icu-locale=en-US")
        subprocess.run(words, cwd=folder, check=True, capture_output=True, timeout=60, **user())
        with (folder / "data" / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in SETTINGS.items())
            file.write(f"unix_socket_directories = '{folder}'\n")
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                (BINARIES / "postgres", "-D", folder / "data"), cwd=folder, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, preexec_fn=end_with_parent, **user(),
            )  # fmt: skip
        try:
            yield answering(Cluster(folder), server)
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def answering(running, server):
    """Return a cluster once it answers."""
    import psycopg

    until = time.monotonic() + 60
    while True:
        try:
            running.run("SELECT 1")
        except psycopg.OperationalError:
            assert server.poll() is None, (running.folder / "log").read_text()
            assert time.monotonic() < until, (running.folder / "log").read_text()
            time.sleep(0.05)
        else:
            return running


@contextmanager
def s3_server():
    """Give the address of a server that speaks S3, in this process."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


class Bucket:
    """A new bucket, as another program than ours sees it."""

    def __init__(self, address):
        import boto3

        self.client = boto3.client("s3", endpoint_url=address, region_name="eu-central-1")
        self.name = f"janus-{uuid4().hex[:12]}"
        where = {"LocationConstraint": "eu-central-1"}
        self.client.create_bucket(Bucket=self.name, CreateBucketConfiguration=where)
        self.client.put_bucket_versioning(
            Bucket=self.name, VersioningConfiguration={"Status": "Enabled"}
        )

    def keys(self):
        found = self.client.list_objects_v2(Bucket=self.name)
        return [entry["Key"] for entry in found.get("Contents", [])]

    def write(self, key, data):
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def versions(self):
        found = self.client.list_object_versions(Bucket=self.name)
        return [entry["Key"] for entry in found.get("Versions", [])]

"""Throw-away servers for the tests of the store: PostgreSQL and S3."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

import pytest

BINARIES = Path("/usr/lib/postgresql/15/bin")
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

    def control(self, *words):
        program = [str(BINARIES / "pg_ctl"), "-D", str(self.folder / "data"), *words]
        as_postgres(*program, cwd=self.folder)


def as_postgres(*program, cwd):
    """Run a program as a user that PostgreSQL accepts: anyone but root."""
    user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    done = subprocess.run(
        program, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, timeout=60, **user,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def missing():
    """Return why no server can be started here; None where one can."""
    if not (BINARIES / "initdb").is_file():
        return f"PostgreSQL's server is not installed in {BINARIES} (Debian: postgresql-15)"
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
        program = (str(BINARIES / "initdb"), "-D", str(folder / "data"), *made)
        as_postgres(*program, "--locale-provider=icu", "--icu-locale=en-US", cwd=folder)
        with (folder / "data" / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in SETTINGS.items())
            file.write(f"unix_socket_directories = '{folder}'\n")
        running = Cluster(folder)
        running.control("-w", "-l", str(folder / "log"), "start")
        try:
            yield running
        finally:
            running.control("-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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

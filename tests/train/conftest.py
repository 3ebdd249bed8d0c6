import pytest

from januscl.core import Taxonomy


@pytest.fixture(scope="session")
def kinds() -> Taxonomy:
    return Taxonomy().with_kind("box", "box").with_kind("disc", "cylinder")

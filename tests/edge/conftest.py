import pytest
from edge_double import serving


@pytest.fixture
def service():
    with serving() as server:
        yield server

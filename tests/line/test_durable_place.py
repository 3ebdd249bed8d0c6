import pytest

from januscl.core import InvalidInput
from januscl.line.durable.engine import engine_of
from januscl.line.durable.place import existing_engine


@pytest.mark.parametrize("opened", [engine_of, existing_engine])
@pytest.mark.parametrize("place", ["postgresql://janus:hunter2@db:port/x", "://hunter2"])
def test_a_place_of_the_workflows_that_is_no_url_is_refused_without_being_shown(opened, place):
    with pytest.raises(
        InvalidInput, match="setting workflows: expected a file, or the URL"
    ) as told:
        opened(place)
    assert "hunter2" not in str(told.value)
    assert told.value.__suppress_context__

import sys

import pytest


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Let torch have one thread wherever it is loaded: two beside a busy core are far slower."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

import pytest
import torch

from januscl.core import Taxonomy


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def kinds() -> Taxonomy:
    return Taxonomy().with_kind("box", "box").with_kind("disc", "cylinder")

import pytest

from januscl.cli.folders import fresh_folder, mark_folder
from januscl.core import Conflict, InvalidInput
from januscl.store import Workspace


@pytest.fixture
def made(tmp_path):
    """A folder as a demo leaves it."""
    folder = tmp_path / "demo"
    fresh_folder(folder)
    mark_folder(folder, "janus demo")
    Workspace.open(folder / "workspace").close()
    (folder / "report.html").write_text("a page")
    return folder


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_new_run_replaces_what_an_earlier_one_made(made):
    fresh_folder(made)
    assert names(made) == ["replaceable.txt"], "stopped now, it could still be replaced"
    mark_folder(made, "janus replay")
    fresh_folder(made)


@pytest.mark.parametrize("name", ["notes.txt", "report", "workspace2"])
def test_what_a_person_put_beside_it_is_never_removed(made, name):
    (made / name).write_text("mine")
    before = names(made)
    with pytest.raises(Conflict, match=rf"no demo or replay made \({name}\)"):
        fresh_folder(made)
    assert names(made) == before


@pytest.mark.parametrize("text", ["", "made by hand", "made by `janus demo`", "x" * 10**6])
def test_a_file_of_the_marks_name_is_no_mark(tmp_path, text):
    (tmp_path / "replaceable.txt").write_text(text)
    (tmp_path / "report.html").write_text("my thesis")
    with pytest.raises(Conflict, match="no mark of a run"):
        fresh_folder(tmp_path)
    assert (tmp_path / "report.html").read_text() == "my thesis"


def test_a_folder_called_workspace_that_janus_did_not_make_stays(made):
    Workspace.open(made / "workspace").close()
    (made / "workspace" / "janus-workspace.json").unlink()
    with pytest.raises(Conflict, match="workspace"):
        fresh_folder(made)
    assert (made / "workspace" / "catalogue.sqlite").is_file()


def test_a_link_to_a_workspace_elsewhere_is_not_followed(tmp_path):
    Workspace.open(tmp_path / "site").close()
    folder = tmp_path / "demo"
    fresh_folder(folder)
    mark_folder(folder, "janus demo")
    (folder / "workspace").symlink_to(tmp_path / "site")
    with pytest.raises(Conflict, match="workspace"):
        fresh_folder(folder)
    assert (tmp_path / "site" / "catalogue.sqlite").is_file()


def test_a_run_that_was_stopped_while_its_workspace_was_made_is_replaced(tmp_path):
    mark_folder(tmp_path, "janus demo")
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / ".janus-workspace.json.00ff00ff").touch()
    fresh_folder(tmp_path)
    assert names(tmp_path) == ["replaceable.txt"]


def test_a_file_is_no_folder_to_write_to(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InvalidInput, match="--out: expected a folder, found the file"):
        fresh_folder(tmp_path / "out")

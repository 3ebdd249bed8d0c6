import json

from januscl.cli.account import Account, ap_points, gain_points, kept_lines
from januscl.line.report import Retention

KEPT = Retention(
    ("factory", "after bags", "after boxes"),
    ("base", "bags", "boxes"),
    (0, 1, 2),
    ((0.6, 0.1, 0.2), (0.58, 0.5, 0.3), (0.59, 0.52, 0.7)),
    forgetting=-0.005,
    backward_transfer=0.005,
)


def test_what_was_kept_is_told_in_points_of_ap():
    (line,) = kept_lines(KEPT)
    assert "over 3 champions" in line
    assert "lost -0.5 points of AP since its best (forgetting)" in line
    assert "gained 0.5 since it was learned (backward transfer)" in line
    assert kept_lines(None) == (), "a single champion has forgotten nothing"


def test_points_have_no_minus_before_a_nought():
    assert [ap_points(v) for v in (-0.0001, 0.0, 0.1234, -0.0051)] == ["0.0", "0.0", "12.3", "-0.5"]


def test_a_gain_is_what_whoever_subtracts_the_printed_figures_gets():
    assert (ap_points(0.1004), ap_points(0.2126), gain_points(0.1004, 0.2126)) == (
        "10.0", "21.3", "11.3",
    )  # fmt: skip
    assert gain_points(0.2, 0.2) == "0.0"


def test_a_program_gets_the_matrix_with_its_two_figures(tmp_path, capsys):
    Account(("for a person",), {"retention": KEPT}, tmp_path / "report.html").tell(as_json=True)
    told = json.loads(capsys.readouterr().out)["retention"]
    assert told["champions"] == ["factory", "after bags", "after boxes"]
    assert told["ap"][2] == [0.59, 0.52, 0.7]
    assert told["learned"] == [0, 1, 2]
    assert (told["forgetting"], told["backward_transfer"]) == (-0.005, 0.005)


def test_a_person_gets_the_lines_and_where_the_page_is(tmp_path, capsys):
    page = tmp_path / "[odd]" / "report.html"
    Account(("[bold]12 of 13[/]", "second"), {"n": 1}, page).tell(as_json=False)
    told = capsys.readouterr().out
    assert told.startswith("[bold]12 of 13[/]\nsecond\n")
    assert "[odd]/report.html tells it with pictures." in told.replace("\n", "")

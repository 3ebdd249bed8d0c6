import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from cli_scenes import HOSTILE, START, fill
from typer.testing import CliRunner

from januscl.cli.ended import tell_end
from januscl.cli.main import app, main
from januscl.cli.output import console, print_json, short_ids
from januscl.core import NoveltyState, Stage, new_id

JANUS = Path(sys.executable).with_name("janus")
LISTS = (
    ("status",),
    ("events",),
    ("tickets",),
    ("novelties",),
    ("deck", "list"),
    ("release", "list"),
    ("models", "list"),
    ("rejects",),
    ("audit",),
    ("labels",),
)


def janus(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("cli") / "w")


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    from januscl.store import Workspace

    folder = tmp_path_factory.mktemp("cli") / "empty"
    Workspace.open(folder).close()
    return folder


def listed(*arguments):
    result = janus(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("command", LISTS, ids=" ".join)
def test_every_list_prints_a_table_for_people_and_json_for_programs(command, workspace):
    told = janus(*command, "-w", workspace)
    assert told.exit_code == 0, told.output
    assert len(told.stdout.splitlines()) > 2
    assert listed(*command, "--workspace", workspace)


@pytest.mark.parametrize("command", LISTS, ids=" ".join)
def test_an_empty_workspace_is_no_error(command, empty):
    told = janus(*command, "-w", empty)
    assert told.exit_code == 0, told.output
    assert told.stdout.strip()
    value = listed(*command, "-w", empty)
    assert value == [] or value["observations"] == 0


def test_status_says_what_a_workspace_holds(workspace):
    facts = listed("status", "-w", workspace)
    assert (facts["observations"], facts["pictures"], facts["open_tickets"]) == (3, 3, 1)
    assert facts["picks"]["picked"] == 2
    assert facts["picks"]["missed"] == 1
    assert (facts["champion"], facts["decks"], facts["slices"]) == ("m-1", 2, ["base"])
    assert (facts["open_releases"], facts["rejects"]) == ([], 1)


def test_two_novelties_of_one_name_are_both_in_the_status(tmp_path):
    from januscl.store import Workspace

    with Workspace.open(fill(tmp_path / "w")) as opened:
        kept = opened.catalogue.novelties
        first, second = kept.list()
        kept.put(replace(first, name="black bag"))
        kept.put(replace(second, name="black bag", state=NoveltyState.CLOSED))
    told = listed("status", "-w", tmp_path / "w")["novelties"]
    assert [(row["id"], row["name"], row["state"]) for row in told] == [
        (first.id, "black bag", "collecting"),
        (second.id, "black bag", "closed"),
    ]
    text = " ".join(janus("status", "-w", tmp_path / "w").stdout.split())
    assert "novelties black bag collecting, black bag closed" in text


def test_events_come_newest_first_and_can_be_narrowed(workspace):
    rows = listed("events", "-w", workspace)
    assert [row["kind"] for row in rows] == ["fault", "novelty"]
    assert rows[1]["evidence"] == "4.0 times as far as is usual"
    assert [r["cause"] for r in listed("events", "-w", workspace, "--kind", "fault")] == ["defocus"]
    assert len(listed("events", "-w", workspace, "--camera", "camera-a")) == 2
    error = janus("events", "-w", workspace, "--camera", "camera-z").exception
    assert str(error) == "there is no camera 'camera-z' in this workspace; there are camera-a"
    assert len(listed("events", "-w", workspace, "--limit", "1")) == 1


def test_only_open_tickets_when_asked(workspace):
    assert len(listed("tickets", "-w", workspace)) == 2
    (row,) = listed("tickets", "-w", workspace, "--open")
    assert row["closed"] is None


def test_a_name_that_looks_like_markup_is_printed_as_it_is(workspace):
    told = janus("novelties", "-w", workspace)
    assert told.exit_code == 0, told.output
    assert "[/red]" in told.stdout
    assert "[bold]" in told.stdout
    assert "[/red]" in janus("status", "-w", workspace).stdout
    assert listed("novelties", "-w", workspace)[0]["name"] == HOSTILE


def test_a_deck_is_named_by_the_start_of_its_id(workspace):
    _, second = listed("deck", "list", "-w", workspace)
    shown = listed("deck", "show", second["id"][:6], "-w", workspace)
    assert shown["id"] == second["id"]
    assert len(second["id"]) == 64
    assert shown["summary"]["sources"] == [{"id": "n-0", "name": HOSTILE, "frames": 4}]
    assert shown["summary"]["instances_of"] == {"box": 4, "disc": 4}
    result = janus("deck", "show", "no-such", "-w", workspace)
    assert str(result.exception) == (
        "no deck begins with 'no-such'; `janus deck list` shows their ids"
    )


def test_a_person_reads_a_deck_as_tables_with_the_novelty_by_its_name(workspace):
    _, second = listed("deck", "list", "-w", workspace)
    told = janus("deck", "show", second["id"], "-w", workspace)
    assert told.exit_code == 0, told.output
    assert HOSTILE in told.stdout
    assert "n-0" not in told.stdout
    assert "DeckSummary" not in told.stdout
    assert "30% of frames, -20 to 20" in told.stdout


def test_a_person_reads_the_difference_of_two_decks_as_tables(workspace):
    a, b = (row["id"] for row in listed("deck", "list", "-w", workspace))
    told = janus("deck", "diff", a, b, "-w", workspace).stdout
    assert [told.count(words) for words in ("only in A", "only in B", "DeckDiff")] == [1, 1, 0]
    assert "m-1" in told
    assert "The two decks are the same." in janus("deck", "diff", a, a, "-w", workspace).stdout


def test_what_is_no_number_is_null_in_json(capsys):
    print_json({"ap": float("nan"), "low": float("-inf"), "high": 0.5})
    assert json.loads(capsys.readouterr().out) == {"ap": None, "low": None, "high": 0.5}


def test_a_program_gets_ids_and_numbers_that_a_table_leaves_out(workspace):
    (row,) = listed("novelties", "-w", workspace)[:1]
    assert row["id"] == "n-0"
    assert row["lost_picks_a_day"] == {"expected": 30.0, "low": 20.0, "high": 40.0}
    assert [row["id"] for row in listed("tickets", "-w", workspace)] == ["t-0", "t-1"]
    assert all(row["observation"] for row in listed("events", "-w", workspace))
    assert "n-0" not in janus("novelties", "-w", workspace).stdout


def test_two_decks_differ_by_what_came_and_what_went(workspace):
    a, b = (row["id"] for row in listed("deck", "list", "-w", workspace))
    change = listed("deck", "diff", a, b, "-w", workspace)
    assert [item["id"] for item in change["added"]] == ["4", "5"]
    assert [item["id"] for item in change["removed"]] == ["0", "1"]
    assert change["sources"] == [
        {"id": "history", "name": "history"},
        {"id": "n-0", "name": HOSTILE},
    ]
    assert change["seed"] == [0, 1]
    assert change["parent"] == [None, "m-1"]
    same = listed("deck", "diff", a, a, "-w", workspace)
    assert not any(same[name] for name in ("added", "removed", "changed", "seed", "parent"))


def test_showing_a_release_that_was_stopped_exits_with_3(workspace):
    stopped = janus("release", "show", "0", "-w", workspace)
    assert stopped.exit_code == 3
    assert "On the same 30 picks it failed 20." in stopped.stdout
    machine = janus("release", "show", "0", "-w", workspace, "--json")
    assert machine.exit_code == 3
    assert json.loads(machine.stdout)["stage"] == "stopped"
    assert janus("release", "show", "1", "-w", workspace).exit_code == 0
    assert str(janus("release", "show", "", "-w", workspace).exception) == (
        "2 releases begin with '', such as 0-release, 1-release; type more of it"
    )


def test_a_release_that_a_person_stops_is_told_to_people_and_to_programs(tmp_path):
    from januscl.store import Workspace

    with Workspace.open(fill(tmp_path / "w")) as opened:
        ended = opened.catalogue.releases.list()[0]
        for k in (8, 9):
            opened.catalogue.releases.put(
                replace(ended, id=f"{k}-open", stage=Stage.BETA, reports=())
            )
    told = janus("release", "stop", "8", "--reason", "it smells", "-w", tmp_path / "w")
    assert told.exit_code == 0, told.output
    assert "Release 8-open is rolled back; every robot runs m-1 again." in told.stdout
    machine = json.loads(
        janus(
            "release", "stop", "9", "--reason", "it smells", "-w", tmp_path / "w", "--json"
        ).stdout
    )
    assert (machine["id"], machine["stage"]) == ("9-open", "rolled_back")
    assert machine["reports"][-1]["reasons"] == ["it smells"]
    again = janus("release", "stop", "9", "-w", tmp_path / "w")
    assert "9-open has ended already" in str(again.exception)


def test_rejects_come_newest_first_with_the_whole_reason_for_programs(tmp_path):
    from januscl.store import Workspace

    with Workspace.open(fill(tmp_path / "w")) as opened:
        opened.catalogue.rejects.add("frame of robot-a", "it is black " * 30)
    rows = listed("rejects", "-w", tmp_path / "w")
    assert [row["thing"] for row in rows] == ["frame of robot-a", "label of x"]
    assert rows[0]["reason"] == "it is black " * 30
    assert len(listed("rejects", "-w", tmp_path / "w", "--limit", 1)) == 1


def test_the_audit_of_one_thing_is_found_by_the_start_of_its_id(workspace):
    assert {row["action"] for row in listed("audit", "-w", workspace)} == {
        "deck.built",
        "gate.pass",
    }
    (row,) = listed("audit", "m-2", "-w", workspace)
    assert (row["actor"], row["subject"], row["detail"]) == ("line", "m-2", {"reasons": ["fine"]})
    assert "reasons fine" in janus("audit", "m-2", "-w", workspace).stdout
    error = janus("audit", "zzz", "-w", workspace).exception
    assert str(error) == (
        "no step was taken with anything whose id begins with 'zzz', nor with a novelty of that "
        "name"
    )


def test_only_label_tasks_that_wait_are_listed(workspace):
    (row,) = listed("labels", "-w", workspace)
    assert (row["id"], row["novelty"], row["for"], row["proposals"]) == (
        "task-0",
        "n-0",
        HOSTILE,
        2,
    )


def test_the_audit_of_a_novelty_is_found_by_its_name_as_well(tmp_path):
    from januscl.store import Workspace

    with Workspace.open(fill(tmp_path / "w")) as opened:
        for id in ("n-0", "n-1"):
            opened.catalogue.audit.record("triage", "novelty.new", id, {}, START)
    (row,) = listed("audit", "novelty-2", "-w", tmp_path / "w")
    assert (row["subject"], row["action"]) == ("n-1", "novelty.new")


@pytest.mark.parametrize("columns", [30, 50, 64, 80, 200])
def test_an_id_is_whole_however_narrow_the_terminal_is(tmp_path, columns, monkeypatch):
    from januscl.store import Workspace

    ids = [new_id(START, bytes([k] * 10)) for k in range(3)]
    with Workspace.open(fill(tmp_path / "w")) as opened:
        for id in ids:
            opened.catalogue.audit.record("triage", "campaign.opened", id, {"quota": 24}, START)
    monkeypatch.setattr(console, "_width", columns)
    told = janus("audit", "-w", tmp_path / "w").stdout
    for start in short_ids(ids):
        assert any(start in line.split() for line in told.splitlines()), told
        assert listed("audit", start, "-w", tmp_path / "w")


def test_the_folder_of_a_demo_or_a_replay_stands_for_the_workspace_in_it(tmp_path):
    fill(tmp_path / "out" / "workspace")
    assert listed("status", "-w", tmp_path / "out")["champion"] == "m-1"
    assert listed("audit", "-w", tmp_path / "out")


def test_status_says_of_a_run_that_has_ended_that_what_is_open_stays_so(tmp_path):
    from januscl.store import Workspace

    with Workspace.open(fill(tmp_path / "w")) as opened:
        assert listed("status", "-w", tmp_path / "w")["ended"] is None
        tell_end(opened, "janus replay", START)
        kept = opened.catalogue.novelties
        kept.put(replace(kept.list()[0], name="bag", state=NoveltyState.CLOSED))
        assert listed("status", "-w", tmp_path / "w")["ended"] == "janus replay"
        text = " ".join(janus("status", "-w", tmp_path / "w").stdout.split())
        assert "bag closed, novelty-2 unfinished (collecting)" in text
        assert "`janus replay` has ended: what is unfinished stays so" in text
        seen = opened.observation(opened.catalogue.observations.list()[0].id)
        opened.keep(replace(seen, id=new_id()))
    assert listed("status", "-w", tmp_path / "w")["ended"] is None, "somebody goes on with it"
    assert "novelty-2 collecting" in janus("status", "-w", tmp_path / "w").stdout


@pytest.mark.parametrize("command", LISTS, ids=" ".join)
def test_every_table_fits_a_terminal_of_80_columns_without_a_broken_word(
    command, tmp_path, monkeypatch
):
    from januscl.store import Workspace

    with Workspace.open(fill(tmp_path / "w")) as opened:
        catalogue = opened.catalogue
        (novelty, *_) = catalogue.novelties.list()
        catalogue.novelties.put(
            replace(novelty, name="holiday box with art", robots=("a-1", "b-2"))
        )
        release = replace(catalogue.releases.list()[0], id=new_id(START), stage=Stage.ROLLED_BACK)
        catalogue.releases.put(release)
        ticket = catalogue.tickets.list()[0]
        long = "edges 30% softer than in its reference picture, " * 5
        catalogue.tickets.put(replace(ticket, evidence=long))
    monkeypatch.setattr(console, "_width", 80)
    told = janus(*command, "-w", tmp_path / "w").stdout
    assert max(map(len, told.splitlines())) <= 80
    assert "…" not in told
    words = set(told.replace("…", " ").split())
    for whole in ("instances", "2026-03-02", "06:00", "rolled_back", "observations", "collecting"):
        part = {word for word in words if len(word) > 2 and whole.startswith(word)}
        assert part <= {whole, "instance", "observation"}, f"{whole} is broken"
    assert re.findall(r"2026-\d\d-\d\d(?! \d\d:\d\d)", told) == [], "every time is whole"
    assert told.count("edges 30%") <= len(told.splitlines()) - 2, "one line an event"


def test_evidence_is_whole_below_its_row_on_a_terminal_and_on_its_line_elsewhere(
    tmp_path, monkeypatch
):
    from januscl.store import Workspace

    long = "edges 30% softer than in its reference picture since 10:42, instances unremarkable"
    with Workspace.open(fill(tmp_path / "w")) as opened:
        for ticket in opened.catalogue.tickets.list():
            opened.catalogue.tickets.put(replace(ticket, evidence=long))
    assert all(row["evidence"] == long for row in listed("tickets", "-w", tmp_path / "w"))
    monkeypatch.setattr(console, "_width", None)  # COLUMNS may have told it one
    lines = janus("tickets", "-w", tmp_path / "w").stdout.splitlines()
    assert [line.strip().endswith(long) for line in lines] == [False, False, True, True]
    assert "opened (UTC)" in lines[1]
    monkeypatch.setattr(console, "_width", 80)
    lines = janus("tickets", "-w", tmp_path / "w").stdout.splitlines()
    rows = [k for k, line in enumerate(lines) if line.startswith("camera-a")]
    assert [lines[k + 1].startswith("    evidence: edges 30%") for k in rows] == [True, True]
    assert " ".join(" ".join(lines).split()).count(long) == 2


def test_what_is_no_terminal_gets_every_line_whole(tmp_path):
    folder = fill(tmp_path / ("a long folder " * 8).strip())
    export = ("models", "export", "m-1", "--out", folder / "m.safetensors", "-w", folder)
    bare = {**os.environ, "COLUMNS": ""}  # pytest's readline says that there are 80
    told = subprocess.run(
        [JANUS, *map(str, export)], capture_output=True, text=True, check=True, env=bare
    )
    assert told.stdout == f"Wrote m-1 to {folder / 'm.safetensors'}.\n"


def test_a_long_fact_goes_on_below_its_beginning(tmp_path, monkeypatch):
    from januscl.store import Workspace

    with Workspace.open(fill(tmp_path / "w")) as opened:
        novelty = opened.catalogue.novelties.list()[0]
        for k in range(8):
            opened.catalogue.novelties.put(replace(novelty, id=f"n-{k}", name=f"novelty-{k}"))
    monkeypatch.setattr(console, "_width", 80)
    lines = janus("status", "-w", tmp_path / "w").stdout.splitlines()
    (first,) = (k for k, line in enumerate(lines) if "novelty-0" in line)
    assert lines[first + 1].startswith(" " * lines[first].index("novelty-"))


def test_ids_are_cut_only_as_far_as_they_stay_apart():
    whole = ["m-0123456789ab", "short"]
    assert short_ids(whole) == whole
    close = ["a" * 20 + "b" * 20, "a" * 20 + "c" * 20]
    assert short_ids(close) == ["a" * 20 + "b", "a" * 20 + "c"]
    assert short_ids(["a" * 40, "b" * 40]) == ["a" * 13, "b" * 13]
    assert short_ids([]) == []


def commands(group, prefix=()):
    yield prefix
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*prefix, name))


@pytest.mark.parametrize("command", [*commands(typer.main.get_command(app))], ids=" ".join)
def test_every_command_explains_itself(command):
    result = janus(*command, "--help")
    assert result.exit_code == 0, result.output
    assert "Usage: " in result.stdout


def said(capsys, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["janus", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit:
        main()
    return exit.value.code, " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("name", ["nothing-here", "[/odd]", "[red]odd"])
def test_a_folder_that_is_no_workspace_is_named_with_what_to_do(
    name, tmp_path, capsys, monkeypatch
):
    folder = Path(name)
    monkeypatch.chdir(tmp_path)
    code, text = said(capsys, monkeypatch, "status", "-w", folder)
    assert code == 1
    assert f"error: {name} is not a Janus workspace. Name another with --workspace" in text
    assert f"`janus serve --workspace {name}` for a site" in text
    assert list(tmp_path.iterdir()) == [], "asking makes nothing"


def test_where_there_is_no_workspace_the_ones_in_the_usual_places_are_named(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "janus-workspace")
    code, text = said(capsys, monkeypatch, "status")
    assert code == 1
    assert "Name another with --workspace (janus-workspace is there)," in text
    monkeypatch.setenv("JANUS_WORKSPACE", "janus-workspace")
    assert listed("status")["champion"] == "m-1", "the service's own variable names it too"


def test_the_command_itself_exits_with_1_and_one_line_on_standard_error(tmp_path):
    result = subprocess.run(
        [JANUS, "tickets", "-w", tmp_path / "none"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr


def test_json_on_standard_output_can_be_piped(workspace):
    result = subprocess.run(
        [JANUS, "status", "-w", workspace, "--json"], capture_output=True, text=True, check=True
    )
    assert json.loads(result.stdout)["champion"] == "m-1"


def test_wrong_usage_exits_with_2(workspace):
    assert janus("events", "--limit", "0", "-w", workspace).exit_code == 2
    nonsense = janus("events", "--kind", "nonsense", "-w", workspace)
    assert nonsense.exit_code == 2
    said = " ".join(nonsense.stderr.replace("│", " ").split())
    assert "'nonsense' is not one of fault, novelty, ambiguous" in said
    assert "Value error" not in said
    assert janus("no-such-command").exit_code == 2

"""What was wrong with the masks of failed picks, where people read of it."""

from line_scenes import Shift

from januscl.line.telling.novelties import novelty_cards
from januscl.triage.diagnosis import Diagnosis


def test_a_novelty_tells_what_was_wrong_with_the_masks_of_its_failed_picks(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)
    shift.triangles_arrive(24)
    (novelty,) = shift.line.ledger.collecting()
    (card,) = novelty_cards(shift.workspace, lambda novelty: ())
    (fact,) = card.facts
    assert fact.label == "Its failed picks look"
    parts = [part.partition(" ") for part in fact.value.split(", ")]
    assert {name for _, _, name in parts} <= set(Diagnosis)
    counts = [int(count) for count, _, _ in parts]
    assert counts == sorted(counts, reverse=True)
    members = shift.catalogue.novelties.members(novelty.id)
    failed = [id for id, row in members if row == 0][:23]  # the last robot looked no more
    assert sum(counts) >= len(failed) - 2
    shift.close()

"""The order in which observations came, whatever their ids say."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from januscl.core import Conflict, Kind
from januscl.store import Catalogue


def came(catalogue, after=0, limit=100):
    return [id for _, id in catalogue.observations.arrived(after, limit)]


def test_observations_are_numbered_once_in_the_order_in_which_they_came(catalogue, observe):
    for id in ("o-5", "o-2", "o-5", "o-9"):
        catalogue.observations.add(observe(id))
    prepared = [catalogue.observations.prepared(observe(id)) for id in ("o-1", "o-2", "o-3")]
    with catalogue.transaction() as tx:
        assert tx.observations.add_new(prepared) == 2
    assert came(catalogue) == ["o-5", "o-2", "o-9", "o-1", "o-3"]
    numbers = [number for number, _ in catalogue.observations.arrived(0, 100)]
    assert numbers == sorted(set(numbers))
    assert came(catalogue, numbers[2]) == ["o-1", "o-3"]
    assert came(catalogue, numbers[-1]) == []
    assert came(catalogue, 0, 2) == ["o-5", "o-2"]


def test_later_ids_are_found_in_order(catalogue, observe):
    for id in ("o-5", "o-2", "o-9"):
        catalogue.observations.add(observe(id))
    assert catalogue.observations.later("o-2", 10) == ["o-5", "o-9"]
    assert catalogue.observations.later("0", 1) == ["o-2"]
    assert catalogue.observations.later("o-9", 10) == []


def test_what_was_undone_never_came(catalogue, observe):
    def fails():
        with catalogue.transaction() as tx:
            tx.observations.add(observe("o-1"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert came(catalogue) == []


def test_whoever_looks_while_others_write_passes_over_none(place, observe):
    looked = 0
    found = list[str]()
    with Catalogue(place) as catalogue, ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(catalogue.observations.add, observe(f"o-{k}")) for k in range(60)]
        while len(found) < 60:
            ended = all(one.done() for one in writing)
            some = catalogue.observations.arrived(looked, 7)
            looked = some[-1][0] if some else looked
            found += [id for _, id in some]
            assert some or not ended, "one was passed over"
    assert len(set(found)) == 60


def test_a_kind_is_kept_under_its_id_which_is_never_used_again(catalogue):
    bag = Kind(7, "black bag", "soft")
    assert catalogue.kinds.add(bag)
    assert not catalogue.kinds.add(bag)
    assert catalogue.kinds.add(Kind(3, "tyre", "ring"))
    for other in (Kind(7, "sack"), Kind(7, "black bag", "box")):
        with pytest.raises(Conflict, match="used again"):
            catalogue.kinds.add(other)
    assert catalogue.kinds.list() == [Kind(3, "tyre", "ring"), bag]

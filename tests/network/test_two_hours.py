"""Two hours of pictures and sound on simulated time: nothing is lost, nothing grows."""

from __future__ import annotations

from custom_components.mi_camera.miss.session import State
from script.network_runs.two_hours import two_hours

SESSION_BYTES = 200_000


def test_two_hours_without_a_drop() -> None:
    run = two_hours()
    house, (first, second) = run.house, run.cameras
    statistics = house.statistics
    assert house.session.state is State.READY
    assert len(house.ends) == 2
    assert first.pictures > 26_990
    assert run.pictures > 107_990
    assert run.missing_pictures == 0
    # Sound before the first picture does not come out: at most one of each session.
    assert 0 <= run.missing_sounds <= 2
    assert second.wraps >= 3, "sequence numbers went round several times"
    for camera in (first, second):
        assert not camera.unacknowledged
        assert camera.most_unacknowledged < 30
    assert statistics.notices == first.chatter + second.chatter > 35_900
    assert first.pongs + second.pongs > 7150
    assert statistics.duplicates > 300
    assert (statistics.gaps, statistics.malformed, statistics.integrity_errors) == (0, 0, 0)
    assert (statistics.out_of_window, statistics.unwanted, statistics.skipped) <= (0, 0, 2)
    assert 0 < house.most_held < SESSION_BYTES

"""Reading what was recorded to a file."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

import av

from simulator.encoder import PictureEncoder
from simulator.house.soak_viewers import recorded
from simulator.tag import Tag, draw

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, pictures: int) -> None:
    encoder = PictureEncoder("h264", 320, 180, 25)
    with av.open(str(path), "w", format="mp4", options={"movflags": "frag_keyframe"}) as file:
        stream = cast("av.VideoStream", file.add_stream("h264", rate=25))
        stream.width, stream.height = 320, 180
        for number in range(pictures):
            encoder.planes[0][:] = 100
            draw(encoder.planes[0], Tag(5, 0, number, 1_800_000_000_000 + number))
            packet = av.Packet(encoder.encode(key=number % 25 == 0))
            packet.stream = stream
            packet.pts = packet.dts = number
            packet.time_base = Fraction(1, 25)
            packet.is_keyframe = number % 25 == 0
            file.mux(packet)


def test_every_picture_of_a_file_which_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / "recording.mp4"
    write(path, 60)
    tags = recorded(path)
    assert [tag and (tag.did, tag.counter) for tag in tags] == [(5, n) for n in range(60)]
    assert not path.exists()


def test_a_file_that_was_cut_off_gives_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "recording.mp4"
    write(path, 60)
    path.write_bytes(path.read_bytes()[: -path.stat().st_size // 5])
    assert 0 < len(recorded(path)) < 60


def test_no_file_and_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "recording.mp4"
    assert recorded(path) == []
    path.write_bytes(b"nonsense")
    assert recorded(path) == []

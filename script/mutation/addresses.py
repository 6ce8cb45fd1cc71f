"""Addresses, tokens and streams are used again, and pictures are not asked where they are from."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

FEED = "tests/media/test_feed.py"
RELAY = "tests/media/test_relay.py"
HUB = "tests/test_hub.py"
CUT = "tests/test_cut.py"

ADDRESSES: Final[tuple[Mutant, ...]] = (
    Mutant(
        name="relay-token-of-the-camera",
        breaks="a token of the relay follows from the camera and can be known before",
        file="media/relay.py",
        old="token = secrets.token_urlsafe(24)",
        new="token = secrets.token_urlsafe(0) + hashlib.sha256(feed.source.did.encode()).hexdigest()",
        tests=(f"{RELAY}::test_revoking_ends_only_that_address",),
    ),
    Mutant(
        name="relay-address-of-another-epoch",
        breaks="the camera entity gives the address it has, whatever permit it was for",
        file="camera.py",
        old="if self._source is None or self._source[0] != permit:",
        new="if self._source is None:",
        tests=(f"{HUB}::test_an_address_of_another_epoch_is_not_given_again",),
    ),
    Mutant(
        name="relay-cut-keeps-grants",
        breaks="the relay ends its readers, who may come back",
        file="media/relay.py",
        old="        self._grants.clear()\n",
        new="",
        tests=(f"{RELAY}::test_what_was_cut_stays_dead_whatever_the_gate_says",),
    ),
    Mutant(
        name="relay-revokes-without-ending",
        breaks="an address is dead for newcomers, who reads there goes on",
        file="media/relay.py",
        old="            if reader.key in keys:\n                reader.abort()",
        new="            if reader.key in keys:\n                continue",
        tests=(f"{RELAY}::test_revoking_ends_only_that_address",),
    ),
    Mutant(
        name="access-token-rotated-once",
        breaks="of the two access tokens that are valid at a time one outlives the dark",
        file="camera.py",
        old="        self.async_update_token()\n        self.async_update_token()",
        new="        self.async_update_token()",
        tests=(f"{HUB}::test_every_epoch_has_a_stream_and_tokens_of_its_own",),
    ),
    Mutant(
        name="hls-token-kept",
        breaks="the HLS addresses of a stream stay good until its worker has ended",
        file="live_stream.py",
        old="    stream.access_token = None\n",
        new="",
        tests=(f"{HUB}::test_a_detached_stream_has_no_address_before_its_worker_has_ended",),
    ),
    Mutant(
        name="hls-segments-kept",
        breaks="the last segments of a stream stay until its worker has ended",
        file="live_stream.py",
        old="        output.cleanup()\n",
        new="        continue\n",
        tests=(f"{HUB}::test_a_detached_stream_has_no_address_before_its_worker_has_ended",),
    ),
    Mutant(
        name="stream-pointed-elsewhere",
        breaks="`update_source`: an old stream with its viewers gets the new pictures",
        file="camera.py",
        old="""\
            self.stream = None
            async_detach(stream)
            async_end_in_background(self.hass, self.hub.entry, stream)
        while""",
        new="""\
            stream.update_source(self._relay_address() or stream.source)
        while""",
        tests=(f"{HUB}::test_every_epoch_has_a_stream_and_tokens_of_its_own",),
    ),
    Mutant(
        name="stream-of-a-dead-address",
        breaks="a stream is handed out although its entity has left its address meanwhile",
        file="camera.py",
        old="if not permit.valid or stream.source != self._relay_address():",
        new="if not permit.valid:",
        tests=(f"{HUB}::test_a_stream_begun_as_the_entity_id_changes_is_not_handed_out",),
    ),
    Mutant(
        name="feed-ignores-source",
        breaks="a feed hands round pictures of another camera or lens",
        file="media/feed.py",
        old="if unit.source != self.source or unit.epoch != permit.epoch:",
        new="if unit.epoch != permit.epoch:",
        tests=(f"{FEED}::test_a_picture_from_elsewhere_cuts_the_feed",),
    ),
    Mutant(
        name="feed-ignores-epoch",
        breaks="a feed hands round pictures of another epoch",
        file="media/feed.py",
        old="if unit.source != self.source or unit.epoch != permit.epoch:",
        new="if unit.source != self.source:",
        tests=(f"{FEED}::test_a_picture_from_elsewhere_cuts_the_feed",),
    ),
    Mutant(
        name="feed-ignores-session",
        breaks="a feed hands round pictures of a session that is over",
        file="media/feed.py",
        old="if unit.session != self._session:",
        new="if self._session is None:",
        tests=(f"{FEED}::test_a_picture_from_elsewhere_cuts_the_feed",),
    ),
    Mutant(
        name="relay-ignores-source",
        breaks="an address of one camera gives pictures of another",
        file="media/relay_reader.py",
        old="origin is not None and origin.source == self._source and origin.epoch",
        new="origin is not None and origin.epoch",
        tests=(f"{RELAY}::test_nothing_leaves_but_what_the_address_stands_for",),
    ),
    Mutant(
        name="relay-ignores-epoch",
        breaks="an address gives pictures of another epoch",
        file="media/relay_reader.py",
        old="origin.source == self._source and origin.epoch == permit.epoch:",
        new="origin.source == self._source:",
        tests=(f"{RELAY}::test_nothing_leaves_but_what_the_address_stands_for",),
    ),
    Mutant(
        name="still-ignores-source",
        breaks="a still of another camera or lens is given",
        file="media/stills.py",
        old="if unit.source != self._source or unit.epoch != permit.epoch:",
        new="if unit.epoch != permit.epoch:",
        tests=("tests/media/test_stills.py::test_no_still_of_another_camera_or_lens",),
    ),
    Mutant(
        name="still-ignores-epoch",
        breaks="a still of another epoch is given",
        file="media/stills.py",
        old="if unit.source != self._source or unit.epoch != permit.epoch:",
        new="if unit.source != self._source:",
        tests=("tests/media/test_stills.py::test_no_still_of_a_picture_of_another_epoch",),
    ),
    Mutant(
        name="lens-guard-passes-all",
        breaks="pictures of one lens that bear the other's label pass for the other's",
        file="media/lens_guard.py",
        old="        sequence = frame.sequence\n",
        new="        sequence = frame.sequence\n        return (frame,)\n",
        tests=("tests/media/test_lens_guard.py::test_labels_that_are_missing_or_late_mix_nothing",),
    ),
    Mutant(
        name="webrtc-address-of-another-epoch",
        breaks="an offer of before the dark gets the address of after it",
        file="camera.py",
        old="return self._relay_address() if may_have_address() else None",
        new="return self._relay_address()",
        tests=("tests/test_webrtc.py::test_an_offer_of_before_gets_nothing_of_after",),
    ),
    Mutant(
        name="webrtc-failure-stops-the-rest",
        breaks="one viewer that cannot be told keeps the others from being ended",
        file="webrtc_viewers.py",
        old="            run_logged([partial(viewer.send_message, _ENDED), viewer.close])\n",
        new="            viewer.send_message(_ENDED)\n            viewer.close()\n",
        tests=(f"{CUT}::test_failing_viewers_keep_nothing_alive",),
    ),
    Mutant(
        name="access-token-rotated-last",
        breaks="access tokens stay good when something else fails as the gate closes",
        file="camera.py",
        old="""\
        self._rotate_tokens()
        # A view of stills asks twice a second, and could miss that they were off in between.
        self._address.end()
        self._drop_stream()
""",
        new="""\
        self._address.end()
        self._drop_stream()
        self._rotate_tokens()
""",
        tests=(f"{CUT}::test_tokens_go_first",),
    ),
    Mutant(
        name="mjpeg-not-aborted",
        breaks="a slow MJPEG view gets what Home Assistant and the kernel still have for it",
        file="camera.py",
        old="        self._mjpeg.abort()\n",
        new="",
        tests=(f"{CUT}::test_a_slow_view_gets_nothing_that_waited_for_it",),
    ),
    Mutant(
        name="mjpeg-kernel-goes-on",
        breaks="a slow MJPEG view gets what the kernel still has for it",
        file="media/hard_abort.py",
        old="        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)\n",
        new="        pass\n",
        tests=(f"{CUT}::test_a_slow_view_gets_nothing_that_waited_for_it[_switch_off]",),
    ),
)

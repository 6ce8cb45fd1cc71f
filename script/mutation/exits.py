"""Every place where something can leave forgets to ask its gate."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

LINK = "tests/media/test_link.py"
FEED = "tests/media/test_feed.py"
RELAY = "tests/media/test_relay.py"
ASKED = "tests/test_asked_no_more.py"
HUB = "tests/test_hub.py"
RIGHT = "tests/test_right_camera.py"
WEBRTC = "tests/test_webrtc.py"

EXITS: Final[tuple[Mutant, ...]] = (
    Mutant(
        name="relay-opens-unasked",
        breaks="the relay takes in a reader whose permit has gone",
        file="media/relay.py",
        old="if grant is None or not grant.permit.valid:",
        new="if grant is None:",
        tests=(f"{RELAY}::test_an_address_is_dead_with_its_permit",),
    ),
    Mutant(
        name="relay-writes-unasked",
        breaks="the relay writes on to a reader after the gate has closed",
        file="media/relay_reader.py",
        old="if self._transport is None or not permit.valid:",
        new="if self._transport is None:",
        tests=(f"{RELAY}::test_the_gate_is_asked_at_every_write",),
    ),
    Mutant(
        name="feed-views-unasked",
        breaks="a feed gives its group of pictures to a viewer whose permit has gone",
        file="media/feed.py",
        old="if self._closed or not permit.valid:\n            viewer.end()",
        new="if self._closed:\n            viewer.end()",
        tests=(f"{FEED}::test_the_feed_asks_the_gate_itself",),
    ),
    Mutant(
        name="keyframe-unasked",
        breaks="a feed gives a key frame for a permit that has gone",
        file="media/feed.py",
        old="if self._closed or not permit.valid:\n            raise TimeoutError",
        new="if self._closed:\n            raise TimeoutError",
        tests=(f"{FEED}::test_the_feed_asks_the_gate_itself",),
    ),
    Mutant(
        name="feed-receives-unasked",
        breaks="a feed hands round what comes after the gate has closed",
        file="media/feed.py",
        old="if not permit.valid or permit != self._permit:",
        new="if permit != self._permit:",
        tests=(f"{FEED}::test_the_feed_asks_the_gate_itself",),
    ),
    Mutant(
        name="still-unasked-after-decoding",
        breaks="a still is given although the gate closed while it was decoded",
        file="media/stills.py",
        old="if not permit.valid or still.age > self.max_age:",
        new="if still.age > self.max_age:",
        tests=("tests/media/test_stills.py::test_no_still_when_the_gate_closes_while_it_is_made",),
    ),
    Mutant(
        name="camera-source-unasked",
        breaks="the camera entity gives a new address of the relay while the gate is closed",
        file="camera.py",
        old="""\
        permit = self.lens.permit()
        if permit is None:
            return None
        if self._source is None""",
        new="""\
        from .gate import Permit

        permit = Permit(self.coordinator.gate, self.coordinator.gate.epoch)
        if self._source is None""",
        tests=(f"{HUB}::test_a_stream_begun_as_the_gate_closes_is_not_handed_out",),
    ),
    Mutant(
        name="camera-stream-unasked-after-wait",
        breaks="a stream is handed out although the gate closed while it was made",
        file="camera.py",
        old="if not permit.valid or stream.source != self._relay_address():",
        new="if stream.source == '':",
        tests=(f"{HUB}::test_a_stream_begun_as_the_gate_closes_is_not_handed_out",),
    ),
    Mutant(
        name="camera-image-unasked-after-wait",
        breaks="the camera entity gives a still although the gate closed meanwhile",
        file="camera.py",
        old="if still is None or not permit.valid or not",
        new="if still is None or not",
        tests=(f"{HUB}::test_a_still_that_comes_as_the_gate_closes_is_not_given",),
    ),
    Mutant(
        name="cast-unasked",
        breaks="a cast begins while the gate is closed",
        file="casts/checks.py",
        old="""\
    permit = lens.permit()
    if permit is not None:
        return permit""",
        new="""\
    from ..gate import Permit

    gate = lens.coordinator.gate
    if (permit := Permit(gate, gate.epoch)) is not None:
        return permit""",
        tests=("tests/test_casting.py::test_no_cast_begins_while_pictures_are_off",),
    ),
    Mutant(
        name="cast-unasked-after-opening",
        breaks="a player is told an address although the gate closed while it was made",
        file="casts/sessions.py",
        old="            _require(permit, lens)\n",
        new="",
        tests=("tests/test_casting.py::test_switching_off_while_the_stream_of_a_cast_is_opened",),
    ),
    Mutant(
        name="link-opens-unasked",
        breaks="a session with a camera is opened for a permit that has gone",
        file="media/link.py",
        old="if self._closed or cuts != self._cuts or not permit.valid:",
        new="if self._closed or cuts != self._cuts:",
        tests=(f"{LINK}::test_nothing_passes_once_the_permit_has_gone",),
    ),
    Mutant(
        name="link-unasked-after-keys",
        breaks="a camera is connected to although everything was cut while keys were fetched",
        file="media/link.py",
        old="keys = await self._keys(fresh=fresh)\n            self._check(permit, cuts)",
        new="keys = await self._keys(fresh=fresh)",
        tests=(f"{LINK}::test_the_gate_is_asked_after_each_wait[keys]",),
    ),
    Mutant(
        name="link-passes-sound-unasked",
        breaks="frames of a session pass after the gate has closed",
        file="media/link_session.py",
        old="        if not self.permit.valid:\n            return\n",
        new="",
        tests=(f"{LINK}::test_no_sound_passes_once_the_permit_has_gone",),
    ),
    Mutant(
        name="keys-unasked-after-wait",
        breaks="keys are kept and used although the gate closed while the cloud was asked",
        file="hub.py",
        old="""\
            if not permit.valid:
                raise UpstreamError(Trouble.BROKEN)
            # The answer""",
        new="            # The answer",
        tests=("tests/test_key_store.py::test_keys_that_come_too_late_are_not_kept[gate]",),
    ),
    Mutant(
        name="ptz-unasked-between-steps",
        breaks="a motor goes on turning, or says so, after the gate has closed",
        file="ptz.py",
        old="""\
            if not permit.valid:
                raise self._coordinator.refusal()
            if started""",
        new="            if started",
        tests=("tests/test_ptz.py::test_no_step_is_begun_once_switched_off_between_two",),
    ),
    Mutant(
        name="talk-unasked",
        breaks="sound goes to a camera after the gate has closed",
        file="talk.py",
        old="            _check(permit)\n            try:",
        new="            try:",
        tests=("tests/test_talk.py::test_nothing_is_sent_once_the_gate_is_closed",),
    ),
    Mutant(
        name="wake-unasked",
        breaks="a sleeping camera is called again after the gate has closed",
        file="wake.py",
        old="    if not permit.valid:\n        raise UpstreamError(Trouble.BROKEN)\n\n\ndef _value",
        new="    permit.valid\n\n\ndef _value",
        tests=("tests/test_wake.py::test_no_step_on_this_network_after_switching_off",),
    ),
    Mutant(
        name="search-unasked",
        breaks="whoever says to be a camera is asked after the gate has closed",
        file="relocation.py",
        old="return permit.valid and coordinator.may_ask",
        new="return True",
        tests=("tests/test_relocation.py::test_who_is_found_after_switching_off_is_not_asked",),
    ),
    Mutant(
        name="search-unasked-after-answer",
        breaks="a new address is stored although the gate closed while it was tried",
        file="relocation.py",
        old="if allowed():",
        new="if address:",
        tests=("tests/test_relocation.py::test_switched_off_while_the_new_address_is_tried",),
    ),
    Mutant(
        name="poll-unasked",
        breaks="a camera is polled although its gate is closed",
        file="coordinator.py",
        old="device.status(allowed=lambda: self.may_ask)",
        new="device.status(allowed=lambda: True)",
        tests=(f"{ASKED}::test_no_poll",),
    ),
    Mutant(
        name="proof-unasked-after-hello",
        breaks="a camera is asked for its proof although the gate closed after its hello",
        file="identity.py",
        old="info = await device.info(allowed=allowed)",
        new="info = await device.info(allowed=lambda: True)",
        tests=(f"{RIGHT}::test_nothing_is_asked_once_switched_off_after_the_hello",),
    ),
    Mutant(
        name="sent-unasked",
        breaks="what waits for another call to a camera is sent although the gate closed meanwhile",
        file="device/endpoint.py",
        old="            raise MiioClosed\n        if not allowed():\n            raise MiioNotAllowed\n        self.counters",
        new="            raise MiioClosed\n        self.counters",
        tests=(
            "tests/device/test_endpoint.py::test_a_request_is_repeated_only_while_it_is_allowed",
            f"{ASKED}::test_no_command",
        ),
    ),
    Mutant(
        name="command-of-before",
        breaks="a lens is woken by a command of before pictures were switched off",
        file="coordinator.py",
        old="device.set_power(on, allowed=allowed)",
        new="device.set_power(on, allowed=lambda: self.may_ask)",
        tests=(f"{ASKED}::test_no_command_of_before_when_pictures_are_on_again",),
    ),
    Mutant(
        name="lens-woken-in-the-dark",
        breaks="a lens is woken again although pictures have been switched off meanwhile",
        file="lens_sleep.py",
        old="coordinator.device.set_power(True, allowed=lambda: permit.valid)",
        new="coordinator.device.set_power(True, allowed=lambda: True)",
        tests=(f"{ASKED}::test_no_lens_is_woken",),
    ),
    Mutant(
        name="lens-asleep-in-the-light",
        breaks="the exception from silence outlives the dark, and ends pictures that are on",
        file="lens_sleep.py",
        old="            not self._hub.gate.is_open\n            and",
        new="            True\n            and",
        tests=(f"{ASKED}::test_the_one_exception_ends_with_the_dark",),
    ),
    Mutant(
        name="webrtc-unasked",
        breaks="a provider is asked to answer an offer while the gate is closed",
        file="camera.py",
        old="        viewer = WebRtcViewer(check_lens(self.lens), send_message, close)\n",
        new="""\
        from .gate import Permit

        permit = Permit(self.coordinator.gate, self.coordinator.gate.epoch)
        viewer = WebRtcViewer(permit, send_message, close)
""",
        tests=(f"{WEBRTC}::test_refused_offers_are_not_kept",),
    ),
    Mutant(
        name="webrtc-answer-unasked",
        breaks="the answer to an offer of before the gate closed is passed on after it",
        file="webrtc_viewers.py",
        old="""\
        if not viewer.admitted:
            run_logged([viewer.close])
            return
""",
        new="",
        tests=(f"{WEBRTC}::test_an_offer_that_had_its_address_before_gets_no_answer_after",),
    ),
    Mutant(
        name="webrtc-session-unasked-after-wait",
        breaks="a session that a provider made after the gate closed is left open",
        file="webrtc_viewers.py",
        old="            served = viewer.admitted\n",
        new="            served = True\n",
        tests=(f"{WEBRTC}::test_an_offer_of_before_gets_nothing_of_after",),
    ),
    Mutant(
        name="webrtc-refused-kept",
        breaks="an offer that the provider refused counts as a viewer for ever",
        file="webrtc_viewers.py",
        old="""\
        elif isinstance(message, WebRTCError) and not viewer.answered:
            self._refuse(session_id, viewer)
""",
        new="",
        tests=(f"{WEBRTC}::test_refused_offers_are_not_kept",),
    ),
)

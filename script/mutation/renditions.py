"""Breaks of renditions: what an encoder is given and gives, and its end."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

RENDITION = "tests/media/test_rendition.py"
ENCODERS = "tests/media/test_rendition_encoders.py"
CHOICE = "tests/media/test_encoder_choice.py"
SLOTS = "tests/media/test_encoder_slots.py"

RENDITIONS: Final[tuple[Mutant, ...]] = (
    Mutant(
        name="rendition-ignores-origin",
        breaks="pictures of elsewhere are converted and shown as this lens's",
        file="media/rendition_session.py",
        old="return what.source == self._source and what.epoch == self._permit.epoch",
        new="return True",
        tests=(f"{RENDITION}::test_a_picture_of_elsewhere_ends_it",),
    ),
    Mutant(
        name="rendition-ignores-epoch",
        breaks="pictures of another epoch are converted",
        file="media/rendition_session.py",
        old="return what.source == self._source and what.epoch == self._permit.epoch",
        new="return what.source == self._source",
        tests=(f"{RENDITION}::test_a_picture_of_elsewhere_ends_it",),
    ),
    Mutant(
        name="rendition-shows-after-the-permit",
        breaks="what an encoder makes after the gate closed is passed on",
        file="media/rendition_session.py",
        old="""\
        if self._over:
            return
        if not self._permit.valid:
            self._end()
            return
        # The clock""",
        new="""\
        if self._over:
            return
        # The clock""",
        tests=(f"{RENDITION}::test_what_is_made_without_a_permit_is_not_passed_on",),
    ),
    Mutant(
        name="rendition-not-cut",
        breaks="an encoder that is just being started runs on for a moment after the cut",
        file="media/rendition.py",
        old="""\
        self.upstream.cut()
        self.feed.cut()
""",
        new="""\
        self.feed.cut()
""",
        tests=(f"{ENCODERS}::test_nothing_is_left_of_those_that_were_cut_as_they_began",),
    ),
    Mutant(
        name="encoder-asked-to-end",
        breaks="an encoder that is stuck outlives the cut",
        file="media/encoder.py",
        old="os.killpg(transport.get_pid(), signal.SIGKILL)",
        new="os.killpg(transport.get_pid(), signal.SIGTERM)",
        tests=(f"{RENDITION}::test_closing_the_gate_kills_it_before_it_returns",),
    ),
    Mutant(
        name="encoder-alone-killed",
        breaks="what an ffmpeg that is a script has started outlives the cut",
        file="media/encoder.py",
        old="os.killpg(transport.get_pid(), signal.SIGKILL)",
        new="os.kill(transport.get_pid(), signal.SIGKILL)",
        tests=(f"{ENCODERS}::test_what_ffmpeg_has_started_itself_goes_with_it",),
    ),
    Mutant(
        name="encoder-place-kept",
        breaks="the place of an encoder that has ended is never given to another",
        file="media/rendition_session.py",
        old="        self._slot.give_back()\n",
        new="",
        tests=(f"{ENCODERS}::test_its_place_is_given_back_however_it_ends",),
    ),
    Mutant(
        name="encoder-without-place",
        breaks="there is no limit to how many encoders run",
        file="media/encoder_slots.py",
        old="                await self._free.acquire()\n",
        new="                await asyncio.sleep(0)\n",
        tests=(
            f"{SLOTS}::test_one_too_many_is_refused_after_a_moment",
            f"{ENCODERS}::test_one_too_many_is_told_so_and_begins_when_there_is_a_place",
        ),
    ),
    Mutant(
        name="encoder-untried",
        breaks="an encoder of the machine is relied on without a trial",
        file="media/encoder_choice.py",
        old="                await async_try(path, encoder)\n",
        new="                await asyncio.sleep(0)\n",
        tests=(f"{CHOICE}::test_another_ffmpeg_gets_a_trial_of_its_own",),
    ),
    Mutant(
        name="encoder-tried-again",
        breaks="an encoder that has failed in use is used again and again",
        file="media/encoder_choice.py",
        old="            self._encoder = SOFTWARE\n",
        new="            pass\n",
        tests=(
            "tests/media/test_encoder_choice.py::test_one_that_has_failed_in_use_is_not_used_again",
        ),
    ),
)

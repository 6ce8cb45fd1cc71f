"""Turning a camera, one self-ending step at a time.

A camera does one step per command and stops by itself, so nothing here can leave a motor
running. What is asked for faster than the motor turns is not saved up: of presses only one
waits, and what waits is dropped when the camera is cut or told to stop.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from .exceptions import MiCameraError, MiCameraInputError, session_error
from .media import UpstreamError
from .miss import MissError
from .miss.motor import MotorDialect, MotorMove, MotorOperation

if TYPE_CHECKING:
    from .coordinator import CameraCoordinator
    from .gate import Permit
    from .miss.motor import MotorPosition

PAUSE = 0.2
"""Seconds between two steps of one camera."""
MAX_STEPS = 20
MAX_WAITING = 4
"""Calls of actions that may wait for one camera's motor."""


class Motor:
    """The pan-tilt motor of one camera, if it has one; one command at a time."""

    def __init__(self, coordinator: CameraCoordinator) -> None:
        """Turn the coordinator's camera."""
        self._coordinator = coordinator
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._pressed: MotorOperation | None = None
        self._round = 0
        self._next = 0.0

    @property
    def exists(self) -> bool:
        """Whether the camera has a motor, as far as anybody knows."""
        model = self._coordinator.model
        return model.motor is not None or not model.motor_known

    @property
    def is_certain(self) -> bool:
        """Whether somebody has said that this model has one."""
        return self._coordinator.model.motor is not None

    @property
    def dialect(self) -> MotorDialect:
        """How it is spoken to; the usual form for a model nobody has described."""
        return self._coordinator.model.motor or MotorDialect.OPERATION

    # -- what may be asked -----------------------------------------------------------------

    async def async_press(self, operation: MotorOperation) -> None:
        """Do one step for a key that may be held down.

        While one step is done, one more press waits; a later one takes its place.

        Raises:
            MiCameraError, MiCameraInputError: it was not done, and why.
        """
        move = self._move(operation)
        another_waits = self._pressed is not None
        self._pressed = move.operation
        if another_waits:
            return
        started = self._round
        try:
            await self._lock.acquire()
        except asyncio.CancelledError:
            self._pressed = None
            raise
        try:
            pressed, self._pressed = self._pressed, None
            if pressed is not None and started == self._round:
                await self._steps(self._move(pressed), 1, started)
        finally:
            self._lock.release()

    async def async_step(self, operation: MotorOperation, steps: int = 1) -> MotorPosition | None:
        """Do some steps; return where the last one ended, None if the camera does not say.

        Fewer are done when the end is reached, or when it is told to stop meanwhile.

        Raises:
            MiCameraError, MiCameraInputError: a step was not done, and why.
        """
        move = self._move(operation)
        return await self._queued(move, min(steps, MAX_STEPS))

    async def async_position(
        self, angle: int | None = None, elevation: int | None = None
    ) -> MotorPosition | None:
        """Go to a position (1 to 101 each way), or only say where it stands without one.

        Raises:
            MiCameraError, MiCameraInputError: it was not done, and why.
        """
        if angle is None or elevation is None:
            return await self._queued(self._move(MotorOperation.POSITION), 1)
        return await self._queued(self._move(MotorOperation.ABSOLUTE, angle, elevation), 1)

    async def async_stop(self) -> MotorPosition | None:
        """Drop the steps that are left, and stop one that is being done where that goes.

        Raises:
            MiCameraError, MiCameraInputError: it could not be told, and why.
        """
        self.cut()
        permit = self._permit()
        if MotorOperation.STOP not in self.dialect.operations:
            return None
        # Beside a step that is being done: that is what it is for.
        return await self._send(self._move(MotorOperation.STOP), permit)

    def cut(self) -> None:
        """Drop whatever waits."""
        self._round += 1

    # -- doing it --------------------------------------------------------------------------

    def _move(
        self, operation: MotorOperation, angle: int | None = None, elevation: int | None = None
    ) -> MotorMove:
        camera = self._coordinator.config.name
        if not self.exists:
            raise MiCameraInputError("no_motor", camera=camera)
        known = self.dialect.operations
        if operation is MotorOperation.CALIBRATE and operation not in known:
            operation = MotorOperation.HOME
        if operation not in known:
            raise MiCameraInputError("motor_unsupported", camera=camera)
        return MotorMove(operation, angle, elevation, self.dialect)

    def _permit(self) -> Permit:
        permit = self._coordinator.control_permit()
        if permit is not None:
            return permit
        raise self._coordinator.refusal()

    async def _queued(self, move: MotorMove, steps: int) -> MotorPosition | None:
        self._permit()
        if self._waiting >= MAX_WAITING:
            raise MiCameraError("motor_busy", camera=self._coordinator.config.name)
        started = self._round
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1
        try:
            return await self._steps(move, steps, started)
        finally:
            self._lock.release()

    async def _steps(self, move: MotorMove, steps: int, started: int) -> MotorPosition | None:
        position: MotorPosition | None = None
        permit = self._permit()
        for _ in range(steps):
            await asyncio.sleep(self._next - time.monotonic())
            if not permit.valid:
                raise self._coordinator.refusal()
            if started != self._round:
                break
            try:
                position = await self._send(move, permit)
            finally:
                self._next = time.monotonic() + PAUSE
            if position is not None and position.at_end:
                break
        return position

    async def _send(self, move: MotorMove, permit: Permit) -> MotorPosition | None:
        try:
            async with self._coordinator.link.control(permit) as client:
                if not permit.valid:
                    raise self._coordinator.refusal()
                return await client.move(move)
        except (MissError, UpstreamError) as err:
            if not permit.valid:
                raise self._coordinator.refusal() from None
            raise session_error(err, self._coordinator.config.name) from err

"""The simulated Xiaomi cloud: account service and device API."""

from __future__ import annotations

from simulator.cloud.account import Account, LoginDemand
from simulator.cloud.devices import CloudDevice
from simulator.cloud.server import Outage, SimCloud

__all__ = ["Account", "CloudDevice", "LoginDemand", "Outage", "SimCloud"]

"""Which transport a camera is reached by, told by what the cloud says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from custom_components.mi_camera.miss import MissError, MissKeys, MissUnsupported, Vendor, dialers
from custom_components.mi_camera.miss.cs2_dialer import Cs2Dialer
from custom_components.mi_camera.miss.dialers import dial_for, is_supported

KEYS = MissKeys(bytes(32), bytes(32), bytes(32), "signature", peer_id="UID20")


def test_keys_of_which_nothing_is_said_are_of_cs2() -> None:
    assert KEYS.vendor is Vendor.CS2
    assert dial_for(KEYS) is Cs2Dialer
    assert is_supported(4)


@pytest.mark.parametrize("vendor", [Vendor.TUTK, Vendor.AGORA, Vendor.MTP, 0, -1, 77])
def test_other_transports_are_refused_by_number_and_without_a_secret(vendor: int) -> None:
    assert not is_supported(vendor)
    with pytest.raises(MissUnsupported, match=rf"not supported yet \(vendor {vendor}\)$") as caught:
        dial_for(replace(KEYS, vendor=vendor))
    assert isinstance(caught.value, MissError)


def test_a_transport_is_added_by_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its dialer may want the camera's name on it."""
    names: list[str] = []

    def tutk(keys: MissKeys) -> type[Cs2Dialer]:
        names.append(keys.peer_id)
        return Cs2Dialer

    monkeypatch.setitem(dialers.DIALERS, Vendor.TUTK, tutk)  # type: ignore[misc]
    assert is_supported(Vendor.TUTK)
    assert dial_for(replace(KEYS, vendor=1)) is Cs2Dialer
    assert names == ["UID20"]


@pytest.mark.parametrize("peer_id", ["\n", "é", "x" * 65])
def test_a_name_that_can_be_none_is_refused(peer_id: str) -> None:
    with pytest.raises(ValueError, match="peer_id"):
        replace(KEYS, peer_id=peer_id)
    assert "UID20" not in repr(KEYS)
    assert "signature" not in repr(KEYS)

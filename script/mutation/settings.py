"""Settings are written that a model does not have, or by another model's specification."""

from __future__ import annotations

from typing import Final

from .mutant import Mutant

SETTINGS: Final[tuple[Mutant, ...]] = (
    Mutant(
        name="value-not-checked",
        breaks="any value goes to a camera, whatever its specification has",
        file="settings.py",
        old="checked = prop.check(value)",
        new="checked = value",
        tests=("tests/test_settings.py::test_properties_without_an_entity",),
    ),
    Mutant(
        name="specification-of-another-model",
        breaks="a camera is set by the numbers of another model",
        file="model_specs.py",
        old="if spec.urn != urn:",
        new="if not spec.urn:",
        tests=("tests/test_model_specs.py::test_what_the_service_must_not_say",),
    ),
    Mutant(
        name="specification-fetched-while-off",
        breaks="the internet is asked while pictures are switched off",
        file="model_specs.py",
        old="self._service.while_allowed(allowed)",
        new="self._service.while_allowed(lambda: True)",
        tests=("tests/test_model_specs.py::test_an_error_page_and_nothing_there",),
    ),
)

"""Every language says what the code can say, and everything that describes actions agrees.

Which keys the code uses is read from its syntax trees, so a key that nobody has translated
fails here and not in front of a user.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, fields
import importlib
import json
from pathlib import Path
import re
import tomllib
from typing import TYPE_CHECKING, Any

from homeassistant.util.yaml import parse_yaml
from PIL import Image
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "custom_components" / "mi_camera"
TRANSLATIONS = PACKAGE / "translations"
LANGUAGES = ("de", "es", "fr", "it", "nl", "pl", "pt-BR", "ru", "zh-Hans")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
FLOWS = {
    "MiCameraConfigFlow": ("config",),
    "HubOptionsFlow": ("options",),
    "AccountSubentryFlow": ("config_subentries", "account"),
    "CameraSubentryFlow": ("config_subentries", "camera"),
}
# What these methods of Home Assistant abort with by themselves.
ABORTING = {
    "_abort_if_unique_id_configured": "already_configured",
    "async_update_and_abort": "reconfigure_successful",
    "async_update_reload_and_abort": "reauth_successful",
}
ERROR_CLASSES = {"MiCameraError", "MiCameraInputError"}


def load(path: Path) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _value in pairs]
        assert len(keys) == len(set(keys)), f"{path.name} has a key twice: {keys}"
        return dict(pairs)

    return json.loads(path.read_text("utf-8"), object_pairs_hook=unique)


def flat(tree: Any, *path: str) -> Iterator[tuple[str, str]]:
    """Yield dotted keys and texts."""
    if isinstance(tree, dict):
        assert tree, f"{'.'.join(path)} is empty"
        for key, value in tree.items():
            yield from flat(value, *path, key)
    else:
        assert isinstance(tree, str), f"{'.'.join(path)} is no text"
        yield ".".join(path), tree


def placeholders(text: str) -> list[str]:
    return sorted(PLACEHOLDER.findall(text))


EN: dict[str, Any] = load(TRANSLATIONS / "en.json")
EN_TEXTS = dict(flat(EN))


# -- languages --------------------------------------------------------------------------


def test_the_languages_are_these() -> None:
    assert {path.stem for path in TRANSLATIONS.iterdir()} == {"en", *LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_the_keys_and_placeholders_of_english(language: str) -> None:
    texts = dict(flat(load(TRANSLATIONS / f"{language}.json")))
    assert texts.keys() == EN_TEXTS.keys()
    for key, text in texts.items():
        assert placeholders(text) == placeholders(EN_TEXTS[key]), key


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_texts_are_clean(language: str) -> None:
    for key, text in flat(load(TRANSLATIONS / f"{language}.json")):
        assert text, key
        assert text == text.strip(), key
        assert "  " not in text, key
        assert text.count("{") == text.count("}") == len(placeholders(text)), key
        # An apostrophe before a brace makes the frontend show the brace itself.
        assert "'{" not in text, key
        assert "}'" not in text, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_are_translated(language: str) -> None:
    texts = dict(flat(load(TRANSLATIONS / f"{language}.json")))
    same = [key for key, text in texts.items() if text == EN_TEXTS[key] and len(text) > 12]
    assert not same


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_texts_that_quote_a_name_quote_it_as_it_is(language: str) -> None:
    """An issue names the switch and an action names another by their translated names."""
    tree = load(TRANSLATIONS / f"{language}.json")
    switch = tree["entity"]["switch"]["streaming"]["name"]
    assert switch in tree["issues"]["gate_untrusted"]["description"]
    assert tree["services"]["cast"]["name"] in tree["services"]["stop_cast"]["description"]


# -- what the code uses --------------------------------------------------------------------


def trees() -> dict[str, ast.Module]:
    """Return the syntax trees of the Home Assistant side, by file in the package."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8"))
        for pattern in ("*.py", "casts/*.py")
        for path in PACKAGE.glob(pattern)
    }


TREES = trees()


def calls(node: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Yield calls with the last part of the called name."""
    for one in ast.walk(node):
        if isinstance(one, ast.Call):
            if isinstance(one.func, ast.Attribute):
                yield one.func.attr, one
            elif isinstance(one.func, ast.Name):
                yield one.func.id, one


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def text_of(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def functions(tree: ast.AST) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    return {
        node.name: node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def used_exceptions() -> dict[str, set[frozenset[str]]]:
    """Return the keys of exceptions with the placeholders each use gives."""
    used: dict[str, set[frozenset[str]]] = {}
    for tree in TREES.values():
        for name, call in calls(tree):
            if name in ERROR_CLASSES:
                key = text_of(call.args[0])
                assert key is not None, f"line {call.lineno}: the key is no literal"
                names = frozenset(one.arg or "**" for one in call.keywords)
                used.setdefault(key, set()).add(names)
            elif (
                name.endswith(("Error", "NotReady", "AuthFailed", "UpdateFailed"))
                and (key := text_of(keyword(call, "translation_key"))) is not None
            ):
                given = keyword(call, "translation_placeholders")
                names = frozenset(
                    str(text_of(one)) for one in (given.keys if isinstance(given, ast.Dict) else ())
                )
                used.setdefault(key, set()).add(names)
    return used


def test_exceptions() -> None:
    used = used_exceptions()
    assert used.keys() == EN["exceptions"].keys()
    for key, uses in used.items():
        wanted = frozenset(placeholders(EN["exceptions"][key]["message"]))
        assert uses == {wanted}, key


def test_issues() -> None:
    used: set[str] = set()
    for tree in TREES.values():
        constants = {
            target.id: value
            for node in tree.body
            if isinstance(node, ast.Assign) and (value := text_of(node.value)) is not None
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for name, call in calls(tree):
            if name == "async_create_issue":
                key = keyword(call, "translation_key")
                used.add(constants[key.id] if isinstance(key, ast.Name) else str(text_of(key)))
    assert used == EN["issues"].keys()


def test_entities() -> None:
    used: dict[str, set[str]] = {}
    for file, tree in TREES.items():
        platform = file.removesuffix(".py")
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == "_attr_translation_key"
                for target in node.targets
            ):
                used.setdefault(platform, set()).add(str(text_of(node.value)))
        for name, call in calls(tree):
            if (
                name.endswith("EntityDescription")
                and (key := text_of(keyword(call, "translation_key"))) is not None
            ):
                used.setdefault(platform, set()).add(key)
    for platform in ("button", "number", "select", "sensor", "switch", "time"):
        module = importlib.import_module(f"custom_components.mi_camera.{platform}")
        for table in ("ACTIONS", "BUTTONS", "SETTINGS"):
            for description in getattr(module, table, ()):
                if description.translation_key is not None:
                    used.setdefault(platform, set()).add(description.translation_key)
    translated = {platform: set(keys) for platform, keys in EN["entity"].items()}
    assert used == translated
    for platform, keys in load(PACKAGE / "icons.json")["entity"].items():
        assert keys.keys() <= translated[platform]


# -- flows --------------------------------------------------------------------------------------


@dataclass
class Flow:
    """What one flow class can show."""

    steps: dict[str, set[str]] = field(default_factory=dict)
    """Fields of the form by step."""
    menus: dict[str, set[str]] = field(default_factory=dict)
    placeholders: dict[str, set[str]] = field(default_factory=dict)
    progress: set[str] = field(default_factory=set)
    errors: set[str] = field(default_factory=set)
    aborts: set[str] = field(default_factory=set)
    methods: set[str] = field(default_factory=set)


def returned(function: str) -> set[str]:
    """Return the literals a function of sign_in.py returns."""
    return {
        text
        for node in ast.walk(functions(TREES["sign_in.py"])[function])
        if isinstance(node, ast.Return) and (text := text_of(node.value)) is not None
    }


def form_errors() -> dict[str, set[str]]:
    """Return which keys each function beside the flows can raise a FormError with."""
    found: dict[str, set[str]] = {}
    of_cloud = returned("form_key")
    for name, function in (
        functions(TREES["sign_in.py"])
        | functions(TREES["flow_forms.py"])
        | functions(TREES["known_cameras.py"])
    ).items():
        for called, call in calls(function):
            if called == "FormError":
                key = text_of(call.args[0])
                found.setdefault(name, set()).update(of_cloud if key is None else {key})
    # It keeps the key of an account that could not be asked.
    found["async_listed"] = found["async_list_cameras"]
    return found


def schema_fields(call: ast.Call) -> set[str]:
    """Return the field names of a form's data schema."""
    from yarl import URL

    from custom_components.mi_camera import flow_forms, options_flow
    from custom_components.mi_camera.cloud import QrCode

    for node in ast.walk(call):
        if isinstance(node, ast.Name) and node.id.endswith("_SCHEMA"):
            module = options_flow if hasattr(options_flow, node.id) else flow_forms
            return {str(key) for key in getattr(module, node.id).schema}
    for name, _call in calls(call):
        if name.endswith("_schema") and hasattr(flow_forms, name):
            given: Any = {}
            if name == "qr_code_schema":
                given = QrCode("https://account.xiaomi.com", URL("https://account.xiaomi.com"), 1)
            return {str(key) for key in getattr(flow_forms, name)(given).schema}
    return set()


def read_flow(definition: ast.ClassDef) -> Flow:
    flow = Flow()
    raised = form_errors()
    for method_name, method in functions(definition).items():
        flow.methods.add(method_name)
        reached = set().union(*(raised.get(name, set()) for name, _call in calls(method)))
        for name, call in calls(method):
            step = text_of(keyword(call, "step_id"))
            if name == "async_show_form":
                assert step is not None
                flow.steps.setdefault(step, set()).update(schema_fields(call))
                given = keyword(call, "description_placeholders")
                flow.placeholders[step] = {
                    str(text_of(key)) for key in (given.keys if isinstance(given, ast.Dict) else ())
                }
                if (errors := keyword(call, "errors")) is not None:
                    flow.errors |= {
                        str(text_of(value))
                        for node in ast.walk(errors)
                        if isinstance(node, ast.Dict)
                        for value in node.values
                    }
            elif name == "async_show_menu":
                assert step is not None
                options = keyword(call, "menu_options")
                assert isinstance(options, ast.List)
                flow.menus[step] = {str(text_of(option)) for option in options.elts}
            elif name == "async_show_progress":
                flow.progress.add(str(text_of(keyword(call, "progress_action"))))
            elif name == "FormError" and any(one == "SignInSteps" for one in bases(definition)):
                flow.errors.add(str(text_of(call.args[0])))
            elif name == "async_abort":
                reason = text_of(keyword(call, "reason"))
                flow.aborts |= reached if reason is None else {reason}
            elif name in ABORTING:
                flow.aborts.add(text_of(keyword(call, "reason")) or ABORTING[name])
        for node in ast.walk(method):
            # What the steps of signing in keep to show it in the next form.
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Attribute) and target.attr == "_error"
                for target in node.targets
            ):
                if isinstance(node.value, ast.Call):
                    flow.errors |= returned("sign_in_key") | returned("form_key")
                flow.errors |= {
                    text for one in ast.walk(node.value) if (text := text_of(one)) is not None
                }
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Subscript)
                and isinstance(target.value, ast.Name)
                and target.value.id == "errors"
                for target in node.targets
            ):
                key = text_of(node.value)
                flow.errors |= reached if key is None else {key}
    return flow


def bases(definition: ast.ClassDef) -> list[str]:
    """Return the names of a class's bases, without their parameters."""
    return [ast.unparse(base).partition("[")[0] for base in definition.bases]


def flows() -> dict[str, Flow]:
    found = {
        node.name: (node, read_flow(node))
        for file in (
            "config_flow.py",
            "discovery_steps.py",
            "options_flow.py",
            "subentry_flows.py",
            "sign_in_steps.py",
        )
        for node in ast.walk(TREES[file])
        if isinstance(node, ast.ClassDef)
    }
    shared = {name: found.pop(name)[1] for name in ("DiscoverySteps", "SignInSteps")}
    for node, flow in found.values():
        for base in bases(node):
            if base in shared:
                for one in fields(Flow):
                    getattr(flow, one.name).update(getattr(shared[base], one.name))
    return {name: flow for name, (_node, flow) in found.items()}


def test_there_are_no_other_flows() -> None:
    assert flows().keys() == FLOWS.keys()


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_finds_its_texts(name: str) -> None:
    flow = flows()[name]
    texts = EN
    for part in FLOWS[name]:
        texts = texts[part]
    assert flow.errors == texts.get("error", {}).keys()
    assert flow.aborts == texts.get("abort", {}).keys()
    assert flow.steps.keys() | flow.menus.keys() == texts["step"].keys()
    for step, options in flow.menus.items():
        assert options == texts["step"][step]["menu_options"].keys()
        assert all(f"async_step_{option}" in flow.methods for option in options)
    assert flow.progress == texts.get("progress", {}).keys()
    for step, names in flow.steps.items():
        shown = texts["step"][step]
        assert names == shown.get("data", {}).keys(), step
        assert shown.get("data_description", {}).keys() <= names, step
        named = {one for _key, text in flat(shown) for one in placeholders(text)}
        assert named <= flow.placeholders[step], step
    for source in texts.get("initiate_flow", {}):
        assert f"async_step_{source}" in flow.methods


def test_selectors() -> None:
    from custom_components.mi_camera.cloud import REGIONS

    used = {
        str(text_of(keyword(call, "translation_key")))
        for tree in TREES.values()
        for name, call in calls(tree)
        if name == "SelectSelectorConfig" and keyword(call, "translation_key") is not None
    }
    of_actions = [
        described["selector"]["select"]
        for service in services().values()
        for described in service["fields"].values()
        if "select" in described["selector"]
    ]
    for select in of_actions:
        options = EN["selector"][select["translation_key"]]["options"]
        assert list(options) == select["options"]
    used |= {select["translation_key"] for select in of_actions}
    assert used == EN["selector"].keys()
    assert set(EN["selector"]["region"]["options"]) == set(REGIONS)


# -- what the gate tells ------------------------------------------------------------------


def test_every_event_of_the_gate_and_its_attributes_have_names() -> None:
    from custom_components.mi_camera.gate_events import GateEvent, GateEventType
    from custom_components.mi_camera.gate_news import CUT_KINDS

    named = dict(EN["entity"]["event"]["gate"]["state_attributes"])
    assert list(named.pop("event_type")["state"]) == [one.value for one in GateEventType]
    facts = {"at", "by", "reason", "camera"}
    assert named.keys() == facts | {f"cut_{kind}" for kind in CUT_KINDS}
    assert {"at", "reason", "cut"} <= set(GateEvent.__slots__)


def test_every_event_of_casts_its_attributes_and_reasons_have_names() -> None:
    from custom_components.mi_camera.casts.news import CastEventType
    from custom_components.mi_camera.casts.session import EndReason

    named = dict(EN["entity"]["event"]["casts"]["state_attributes"])
    assert list(named.pop("event_type")["state"]) == [one.value for one in CastEventType]
    assert list(named["reason"]["state"]) == [one.value for one in EndReason]
    facts = {"at", "by", "reason", "camera", "camera_entity", "media_player"}
    assert named.keys() == facts


def test_fix_flows_find_their_texts() -> None:
    """All fix flows have one step and the same reasons to fail; their issue gives the facts."""
    tree = TREES["repairs.py"]
    steps = {
        text_of(keyword(call, "step_id")) for name, call in calls(tree) if name == "async_show_form"
    }
    aborts = {
        text_of(keyword(call, "reason")) for name, call in calls(tree) if name == "async_abort"
    }
    given: dict[str, set[str]] = {}
    fixable: set[str] = set()
    for name, call in calls(TREES["gate_issues.py"]):
        if name != "async_create_issue":
            continue
        key = keyword(call, "translation_key")
        assert isinstance(key, ast.Name)
        issue = key.id.removeprefix("ISSUE_").lower()
        dictionary = keyword(call, "translation_placeholders")
        assert isinstance(dictionary, ast.Dict)
        given[issue] = {str(text_of(one)) for one in dictionary.keys if one is not None}
        if ast.unparse(keyword(call, "is_fixable") or key) == "True":
            fixable.add(issue)
    from custom_components.mi_camera.gate_news import CUT_KINDS

    given["pictures_off"] |= set(CUT_KINDS)
    assert {one for one, texts in EN["issues"].items() if "fix_flow" in texts} == fixable
    for issue, facts in given.items():
        texts = EN["issues"][issue]
        assert {one for _key, text in flat(texts) for one in placeholders(text)} == facts
        if issue in fixable:
            assert texts["fix_flow"]["step"].keys() == steps
            assert texts["fix_flow"]["abort"].keys() == aborts
            assert not any(placeholders(text) for _key, text in flat(texts["fix_flow"]["abort"]))


def test_system_health() -> None:
    tree = TREES["system_health.py"]
    told = {
        str(text_of(node.slice))
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and text_of(node.slice)
    } | {
        str(text_of(key))
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key in node.keys
    }
    assert told == EN["system_health"]["info"].keys()


# -- actions ----------------------------------------------------------------------------------


def services() -> dict[str, Any]:
    described = parse_yaml((PACKAGE / "services.yaml").read_text("utf-8"))
    assert isinstance(described, dict)
    return described


def test_actions_agree_everywhere() -> None:
    registered = {
        str(text_of(node.value))
        for node in TREES["services.py"].body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id.startswith("SERVICE_")
    }
    assert registered == services().keys()
    assert registered == EN["services"].keys()
    assert registered == load(PACKAGE / "icons.json")["services"].keys()
    for name, described in services().items():
        assert described.get("fields", {}).keys() == EN["services"][name].get("fields", {}).keys()


def mapping_of(schema: Any) -> dict[Any, Any]:
    """Return the mapping inside the validators that Home Assistant puts around it."""
    while not isinstance(schema, dict):
        schema = schema.validators[0] if hasattr(schema, "validators") else schema.schema
    return schema


def test_action_schemas_have_the_fields_that_are_described() -> None:
    from homeassistant.helpers import config_validation as cv

    from custom_components.mi_camera import services as module

    schemas = {
        "cast": module.CAST_SCHEMA,
        "stop_cast": module.STOP_CAST_SCHEMA,
        "ptz": module.PTZ_SCHEMA,
        "ptz_position": module.PTZ_POSITION_SCHEMA,
        "get_property": module.GET_PROPERTY_SCHEMA,
        "set_property": module.SET_PROPERTY_SCHEMA,
        "call_action": module.CALL_ACTION_SCHEMA,
        "disable_all": module.REASON_SCHEMA,
        "enable_all": module.REASON_SCHEMA,
    }
    assert schemas.keys() == services().keys()
    # Home Assistant lets calls of entity actions carry "metadata" that nobody reads.
    targets = {str(key) for key in cv.TARGET_SERVICE_FIELDS} | {"metadata"}
    for name, schema in schemas.items():
        keys = {str(key): key for key in mapping_of(schema)}
        fields = services()[name]["fields"]
        assert keys.keys() - targets == fields.keys(), name
        assert bool(keys.keys() & targets) == ("target" in services()[name]), name
        for key, described in fields.items():
            required = type(keys[key]).__name__ == "Required"
            assert required == described.get("required", False), (name, key)


# -- the rest of what describes the integration ----------------------------------------------


def test_manifest() -> None:
    manifest = load(PACKAGE / "manifest.json")
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    assert manifest["domain"] == PACKAGE.name
    assert manifest["version"] == project["version"]
    assert sorted(manifest["requirements"]) == sorted(project["dependencies"])
    assert manifest["name"] == load(REPOSITORY / "hacs.json")["name"]
    # hassfest wants domain and name first and the rest in alphabetical order.
    keys = list(manifest)
    assert keys == ["domain", "name", *sorted(keys[2:])]
    for key in ("documentation", "issue_tracker", "codeowners", "config_flow", "iot_class"):
        assert key in manifest


def test_the_change_log_has_the_version() -> None:
    manifest = load(PACKAGE / "manifest.json")
    assert f"## {manifest['version']}" in (REPOSITORY / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "height", "square"),
    [
        ("icon.png", 256, True),
        ("icon@2x.png", 512, True),
        ("logo.png", 128, False),
        ("logo@2x.png", 256, False),
        ("dark_logo.png", 128, False),
        ("dark_logo@2x.png", 256, False),
    ],
)
def test_brand_images(name: str, height: int, square: bool) -> None:
    with Image.open(PACKAGE / "brand" / name) as image:
        image.load()
        assert image.format == "PNG"
        assert image.mode == "RGBA"
        assert image.height == height
        assert (image.width == height) is square
        # Trimmed: the drawing touches all four sides.
        assert image.getchannel("A").point(lambda alpha: 255 if alpha else 0).getbbox() == (
            0,
            0,
            *image.size,
        )

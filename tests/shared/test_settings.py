"""The settings model, where values come from, and what is refused."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from shared import settings_docs
from shared.errors import SettingsError
from shared.setting_names import environment_name, refuse
from shared.settings import Settings, leaves, load
from shared.settings_check import check, is_loopback

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No kefu.toml of the working directory plays a part."""
    monkeypatch.chdir(tmp_path)


def read(
    file: str = "", environ: dict[str, str] | None = None, flags: dict[str, Any] | None = None
) -> Settings:
    """The settings from the text of a file, an environment and flags."""
    Path("kefu.toml").write_text(file)
    return load(None, flags, environ or {})


def test_flags_override_the_environment_which_overrides_the_file() -> None:
    """Each source overrides single settings of the ones before it, not whole sections."""
    file = "[gateway]\nport = 1\nprocesses = 2\nlan_port = 3\n"
    environ = {"KEFU_GATEWAY__PORT": "4", "KEFU_GATEWAY__PROCESSES": "5", "PATH": "/bin"}
    gateway = read(file, environ, {"gateway.port": "6"}).gateway
    assert (gateway.port, gateway.processes, gateway.lan_port) == (6, 5, 3)


def test_without_a_file_the_defaults_hold() -> None:
    """A missing kefu.toml is nothing wrong, but a missing --config is."""
    assert load(None, {}, {}).gateway.port == 8282
    with pytest.raises(SettingsError, match=r"nowhere.toml: there is no such settings file"):
        load("nowhere.toml", {}, {})


@pytest.mark.parametrize(
    ("text", "value"),
    [("", []), ("a", ["a"]), ("a, b", ["a", "b"]), ('["a", "b,c"]', ["a", "b,c"])],
)
def test_lists_in_the_environment(text: str, value: list[str]) -> None:
    """Separated by commas, or JSON where commas are part of a value."""
    assert read(environ={"KEFU_TRUSTED_PROXIES": text}).trusted_proxies == value


def test_one_secret_or_a_pair() -> None:
    """[current, previous] while the secret is being changed; one of digits stays a text."""
    digits = "1" * 32
    assert read(environ={"KEFU_SECRET": digits}).secret == digits
    assert read(f'secret = ["{SECRET}", "{digits}"]').secret == [SECRET, digits]
    assert read(environ={"KEFU_SECRET": f'["{SECRET}", "{digits}"]'}).secret == [SECRET, digits]


def test_api_keys_are_tables() -> None:
    """In the file an array of tables; services default to servicer."""
    file = f'[[business.api_keys]]\nname = "shop"\nkey = "{SECRET}"\n'
    (key,) = read(file).business.api_keys
    assert (key.name, key.key, key.services) == ("shop", SECRET, ["servicer"])


def test_derived_values_are_spelt_out() -> None:
    """So that nobody has to know what 0 and an empty list stand for."""
    settings = read('[register]\nlisten = "0.0.0.0:99"\n[business]\nhook_timeout = 3\n')
    assert settings.register.addresses == ["127.0.0.1:99"]
    assert settings.business.drain_timeout == 8
    assert read().register.addresses == ["127.0.0.1:1236"]
    assert read().business.drain_timeout == 35
    assert read("[business]\ndrain_timeout = 2").business.drain_timeout == 2


@pytest.mark.parametrize(
    ("file", "environ", "flags", "line"),
    [
        (
            "[gateway]\nport = 70000",
            {},
            {},
            "gateway.port = 70000 (from kefu.toml): should be less than or equal to 65535; set "
            "gateway.port in kefu.toml, KEFU_GATEWAY__PORT or --gateway.port",
        ),
        (
            "",
            {"KEFU_GATEWAY__ROUTER": "any"},
            {},
            "gateway.router = 'any' (from KEFU_GATEWAY__ROUTER): should be 'least' or 'random'; "
            "set gateway.router in kefu.toml, KEFU_GATEWAY__ROUTER or --gateway.router",
        ),
        (
            "",
            {},
            {"time_zone": "Mars/Base"},
            "time_zone = 'Mars/Base' (from --time_zone): is no time zone of the tz database; set "
            "time_zone in kefu.toml, KEFU_TIME_ZONE or --time_zone",
        ),
        (
            'secret = "my secret"',
            {},
            {},
            "secret (from kefu.toml): is too short: at least 32 characters; set secret in "
            "kefu.toml, KEFU_SECRET or --secret",
        ),
        (
            '[[business.api_keys]]\nname = "shop"\nkey = "short"',
            {},
            {},
            "business.api_keys (from kefu.toml): [0].key: string should have at least 32 "
            "characters; set business.api_keys in kefu.toml, KEFU_BUSINESS__API_KEYS or "
            "--business.api_keys",
        ),
    ],
)
def test_a_bad_value_is_one_line(
    file: str, environ: dict[str, str], flags: dict[str, Any], line: str
) -> None:
    """It names the setting, the value (unless secret), where it came from and how to set it."""
    with pytest.raises(SettingsError) as info:
        read(file, environ, flags)
    assert str(info.value) == line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gateway.port", "-1"),
        ("gateway.port", "x"),
        ("gateway.processes", "1.5"),
        ("gateway.lan_ip", "shop.example"),
        ("gateway.lan_ip", "10.0.0.256"),
        ("gateway.worker_wait", "-1"),
        ("gateway.worker_wait", "inf"),
        ("gateway.worker_wait", "nan"),
        ("gateway.max_message_size", "0"),
        ("business.hook_timeout", "0"),
        ("business.hook_timeout", "soon"),
        ("business.api_keys", "not json"),
        ("business.api_keys", '{"name": "x"}'),
        ("register.listen", "1236"),
        ("register.listen", "127.0.0.1:x"),
        ("register.listen", "127.0.0.1:70000"),
        ("demo", "maybe"),
        ("loop", "twisted"),
        ("log.level", "loud"),
        ("run_dir", ""),
        ("secret", "[1, 2]"),
        ("secret", f'["{SECRET}", "{SECRET}", "{SECRET}"]'),
        ("secret", "[]"),
    ],
)
def test_values_out_of_range_are_refused(name: str, value: str) -> None:
    """Under their own name, in one line."""
    with pytest.raises(SettingsError) as info:
        read(environ={environment_name(name): value})
    assert str(info.value).startswith(name)
    assert "\n" not in str(info.value)


def test_unknown_names_are_refused() -> None:
    """In every source, with the nearest name that there is."""
    hint = "gateway.prot (from {}): there is no such setting; did you mean gateway.port?"
    with pytest.raises(SettingsError) as info:
        read("[gateway]\nprot = 1")
    assert str(info.value) == hint.format("kefu.toml")
    with pytest.raises(SettingsError) as info:
        read(environ={"KEFU_GATEWAY__PROT": "1"})
    assert str(info.value) == hint.format("KEFU_GATEWAY__PROT")
    for file in ("port = 1", "[gatewy]\nport = 1", "gateway = 1"):
        with pytest.raises(SettingsError, match="there is no such setting"):
            read(file)


def test_a_file_that_is_no_toml_is_refused() -> None:
    """With the place of the mistake, in one line."""
    with pytest.raises(SettingsError, match=r"^kefu.toml: .*line 2") as info:
        read('demo = true\nloop =\nrun_dir = "x"')
    assert "\n" not in str(info.value)


def test_settings_do_not_change() -> None:
    """Whoever has them may keep them."""
    with pytest.raises(ValueError, match="frozen"):
        read().gateway.port = 1


def test_secrets_are_marked() -> None:
    """Values of settings that hold secrets are never shown; these are the ones."""
    assert {name for name, leaf in leaves().items() if leaf.is_secret} == {
        "secret",
        "business.api_keys",
        "servicer.token_keys",
        "shop.key",
    }


def test_values_are_json() -> None:
    """Children get them as JSON: model and JSON must agree in type."""
    settings = read(f'secret = "{SECRET}"')
    assert settings.model_dump(mode="json") == settings.model_dump()


@pytest.mark.parametrize(
    ("flags", "role", "line"),
    [
        ({"secret": ""}, "gateway", "secret: is required"),
        ({"demo": "true"}, "gateway", "gateway.host = '0.0.0.0': is public"),
        (
            {"demo": "true", "gateway.host": "127.0.0.1"},
            "business",
            "business.host = '0.0.0.0': is public",
        ),
        (
            {"register.addresses": "10.0.0.1:1236"},
            "gateway",
            "gateway.lan_ip = '127.0.0.1': is of no use to others at register 10.0.0.1:1236",
        ),
        ({"register.listen": ""}, "business", "register.addresses = []: names no register"),
        ({"register.addresses": "shop.example"}, "gateway", "register.addresses = 'shop.example'"),
        ({"inner.heartbeat_timeout": "5"}, "business", "inner.heartbeat_timeout = 5.0: must be"),
        ({"gateway.lan_port": "65535", "gateway.processes": "2"}, "gateway", "gateway.lan_port"),
        ({"tls.certificate": "a.pem"}, "gateway", "tls.key = '': is required"),
        ({"tls.key": "a.pem"}, "gateway", "tls.certificate = '': is required"),
        (
            {"tls.certificate": "a.pem", "tls.key": "b.pem"},
            "gateway",
            "tls.certificate = 'a.pem': cannot be used with tls.key 'b.pem': No such file",
        ),
        ({"business.services": "nowhere"}, "business", "business.services = 'nowhere': is no dir"),
    ],
)
def test_rules_between_settings(flags: dict[str, str], role: str, line: str) -> None:
    """What cannot work together is refused before anything is started."""
    settings = read(flags={"secret": SECRET, **flags})
    with pytest.raises(SettingsError) as info:
        check(settings, role)
    assert str(info.value).startswith(line)
    assert "\n" not in str(info.value)


@pytest.mark.parametrize("role", ["gateway", "business"])
@pytest.mark.parametrize(
    "flags",
    [
        {},
        {"demo": "true", "gateway.host": "127.0.0.1", "business.host": "localhost"},
        {"register.addresses": "10.0.0.1:1236", "gateway.lan_ip": "10.0.0.2"},
        {"register.addresses": "127.0.0.1:1,127.0.0.1:2"},
    ],
)
def test_settings_that_keep_the_rules(flags: dict[str, str], role: str) -> None:
    """Nothing is refused that works."""
    check(read(flags={"secret": SECRET, **flags}), role)


def test_business_needs_no_lan_ip() -> None:
    """Only gateways are called back."""
    check(read(flags={"secret": SECRET, "register.addresses": "10.0.0.1:1236"}), "business")


@pytest.mark.parametrize(
    ("host", "answer"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True)]
    + [(host, False) for host in ("0.0.0.0", "::", "10.0.0.1", "shop.example", "")],
)
def test_loopback(host: str, answer: bool) -> None:
    """Only what certainly stays on this machine counts."""
    assert is_loopback(host) is answer


def test_refusals_hide_secrets_and_stay_one_line() -> None:
    """None shows no value, and line breaks in a reason are folded."""
    assert "=" not in str(refuse("secret", None, "is bad"))
    assert "\n" not in str(refuse("gateway.host", "x", "first\nsecond"))


def test_every_setting_is_described() -> None:
    """The description is the documentation."""
    for leaf in leaves().values():
        assert leaf.field.description, leaf.name
        assert leaf.field.description.endswith("."), leaf.name


def test_sample_and_page_are_up_to_date() -> None:
    """A change of the model without ``make docs`` is noticed."""
    assert settings_docs.SAMPLE.read_text(encoding="utf-8") == settings_docs.sample()
    assert settings_docs.PAGE.read_text(encoding="utf-8") == settings_docs.page()


def test_the_sample_changes_nothing() -> None:
    """As it is it holds no value; with the # taken out it holds all defaults."""
    sample = settings_docs.sample()
    assert read(sample) == read()
    setting = re.compile(r"^#(?=\w+ = )", re.MULTILINE)
    assert len(setting.findall(sample)) == len(leaves())
    assert read(setting.sub("", sample)) == read()


def test_toml_round_trip() -> None:
    """What is written reads as what it was."""
    values = {
        "secret": 'quote " backslash \\ 客服',
        "demo": True,
        "gateway.worker_wait": 0.5,
        "business.services": ["a", "b"],
        "business.api_keys": [{"name": "x", "services": ["y"]}],
    }
    assert tomllib.loads(settings_docs.toml(values)) == {
        "secret": values["secret"],
        "demo": True,
        "gateway": {"worker_wait": 0.5},
        "business": {"services": ["a", "b"], "api_keys": [{"name": "x", "services": ["y"]}]},
    }

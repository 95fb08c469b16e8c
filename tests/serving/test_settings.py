from __future__ import annotations

from pathlib import Path

import pytest

from recsys.errors import ConfigError, UsageError
from serving.settings import Settings, hosts_listening_on, is_loopback, refuse_open_door, settings_from


def test_worker_processes_read_the_same_settings_from_the_environment() -> None:
    settings = Settings(Path("/srv/snapshots"), poll_every_s=0.25, body_within_s=3.0, n_workers=2)
    assert settings_from(settings.to_environment()) == settings


def test_hosts_reach_the_worker_processes_too() -> None:
    settings = Settings(hosts=("picks.example", "[fe80::1]"), public_url="https://shop.example:8443")
    assert settings_from(settings.to_environment()) == settings
    assert settings.open_hosts == ("picks.example", "[fe80::1]", "shop.example")


@pytest.mark.parametrize("host", ["a:80", "http://a", "a b", ""])
def test_a_host_that_is_no_name_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match="SHAREPICKS_HOSTS"):
        Settings(hosts=(host,))


@pytest.mark.parametrize(
    ("host", "hosts"),
    [("127.0.0.1", "a,127.0.0.1"), ("127.8.8.8", "a,127.8.8.8"), ("::1", "a,[::1]"), ("0.0.0.0", "*")],
)
def test_a_service_answers_by_the_address_it_listens_on(host: str, hosts: str) -> None:
    assert hosts_listening_on(host, "a") == hosts
    assert settings_from({"SHAREPICKS_HOSTS": hosts_listening_on(host, "")}).hosts


def test_an_empty_environment_gives_the_defaults() -> None:
    assert settings_from({}) == Settings()


def test_a_value_that_is_no_number_is_refused_with_its_name() -> None:
    with pytest.raises(ConfigError, match="SHAREPICKS_POLL_EVERY_S must be a number; got 'soon'"):
        settings_from({"SHAREPICKS_POLL_EVERY_S": "soon"})


@pytest.mark.parametrize("poll_every_s", [0.0, -1.0, 3601.0, float("nan")])
def test_a_poll_interval_outside_its_rule_is_refused(poll_every_s: float) -> None:
    with pytest.raises(ConfigError, match="poll_every_s"):
        Settings(poll_every_s=poll_every_s)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_may_be_listened_to_without_keys(host: str) -> None:
    assert is_loopback(host)
    refuse_open_door(host, insecure_no_keys=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "shop.example"])
def test_other_machines_are_refused_without_keys_unless_it_is_said_aloud(host: str) -> None:
    with pytest.raises(UsageError, match="--insecure-no-keys"):
        refuse_open_door(host, insecure_no_keys=False)
    refuse_open_door(host, insecure_no_keys=True)

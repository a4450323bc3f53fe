"""The address of a host, as a user writes it."""

import argparse

import pytest

from posewire.errors import ConfigError
from posewire.host_address import DEFAULT_URL, add_host_arguments, http_url, websocket_url


@pytest.mark.parametrize(
    ("url", "websocket", "http"),
    [
        (DEFAULT_URL, DEFAULT_URL, "http://127.0.0.1:8000"),
        ("http://pi.local:8000", "ws://pi.local:8000/posewire/v1/", "http://pi.local:8000"),
        ("https://example.org/", "wss://example.org/posewire/v1/", "https://example.org"),
        ("wss://example.org/home/posewire/v1", "wss://example.org/home/posewire/v1", "https://example.org/home"),
        ("ws://[fd00::1]:8000/xiaozhi/v1/", "ws://[fd00::1]:8000/xiaozhi/v1/", "http://[fd00::1]:8000"),
    ],
)
def test_either_form_of_an_address_will_do(url: str, websocket: str, http: str) -> None:
    assert websocket_url(url) == websocket
    assert http_url(url) == http


@pytest.mark.parametrize("url", ["", "pi.local:8000", "ftp://pi.local", "ws://", "ws://[::1", "ws://pi.local:port/"])
def test_what_is_no_address_is_refused(url: str) -> None:
    for convert in (websocket_url, http_url):
        with pytest.raises(ConfigError, match="address of a host"):
            convert(url)


def test_the_address_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEWIRE_URL", "https://example.org")
    monkeypatch.setenv("POSEWIRE_TOKEN", "secret")
    parser = argparse.ArgumentParser()
    add_host_arguments(parser)
    assert vars(parser.parse_args([])) == {"url": "https://example.org", "token": "secret"}
    assert "secret" not in parser.format_help()


def test_a_conference_is_a_way_for_programs_only() -> None:
    with pytest.raises(ConfigError, match=r"through a conference, which programs can join \(posewire.connect\)"):
        websocket_url("jitsi+wss://meet.example.org/rehearsal#key")

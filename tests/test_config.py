from __future__ import annotations

import logging
from pathlib import Path

import platformdirs
import pytest
from pydantic import ValidationError

import app.config.serving
from app.config import Settings, SettingsError, load_settings
from tools.settings_table import PAGE, with_table


def test_flags_come_before_variables_and_variables_before_defaults() -> None:
    environment = {"LIPWIRE_PORT": "9000", "LIPWIRE_HOST": "0.0.0.0", "LIPWIRE_DATA_DIR": "/tmp/x"}
    settings = load_settings(environment, port=9001, host=None)
    assert (settings.port, settings.host, settings.data_dir) == (9001, "0.0.0.0", Path("/tmp/x"))
    assert load_settings({}) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIPWIRE_PORT", "eighty"),
        ("LIPWIRE_PORT", "70000"),
        ("LIPWIRE_PORT", "80.5"),
        ("LIPWIRE_LIFE", "maybe"),
        ("LIPWIRE_IDLE_TIMEOUT_S", "0"),
        ("LIPWIRE_IDLE_TIMEOUT_S", "nan"),
        ("LIPWIRE_THREADS", "-1"),
        ("LIPWIRE_MAX_SIDE", "127"),
        ("LIPWIRE_MAX_SIDE", "8193"),
        ("LIPWIRE_MAX_SESSIONS", "0"),
        ("LIPWIRE_RECORDINGS_KEEP_DAYS", "-1"),
        ("LIPWIRE_VOICE_LEAD_PACKETS", "51"),
        ("LIPWIRE_BUFFER_LOW", "20"),
        ("LIPWIRE_SSL_CERTFILE", "cert.pem"),
        ("LIPWIRE_ICE_SERVERS", "[{}]"),
        ("LIPWIRE_ICE_SERVERS", "[nonsense"),
        ("LIPWIRE_ICE_SERVERS", "example.org:3478"),
        ("LIPWIRE_ICE_SERVERS", "http://example.org"),
        ("LIPWIRE_SPEECH_URL", "example.org/v1"),
        ("LIPWIRE_SPEECH_KEY", "kéy"),
        ("LIPWIRE_WEIGHTS_MIRRORS", "example.org/weights"),
        ("LIPWIRE_WEIGHTS_MIRRORS", "https://"),
        ("LIPWIRE_WEIGHTS_MIRRORS", "http://example.org/weights"),
        ("LIPWIRE_LOG_FORMAT", "xml"),
        ("LIPWIRE_PUBLIC_URL", "faces.example.org"),
        ("LIPWIRE_C2PA_CERTFILE", "cert.pem"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} must be [^\n]*\.$"):
        load_settings({name: value})


def test_a_refused_number_is_shown_beside_what_would_do() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"LIPWIRE_PORT": "eighty"})
    assert str(caught.value) == "LIPWIRE_PORT must be a whole number from 0 to 65535, not 'eighty'."
    with pytest.raises(SettingsError, match="LIPWIRE_MAX_SESSIONS must be a whole number of at least 1, not 0"):
        load_settings({}, max_sessions=0)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"LIPWIRE_ICE_SERVERS": '[{"urls": "example.org", "username": "u", "credential": "hush"}]'})
    assert "hush" not in str(caught.value)
    with pytest.raises(SettingsError) as caught:
        load_settings({"LIPWIRE_SPEECH_KEY": "hush\n"})
    assert "hush" not in str(caught.value)
    assert "hush" not in repr(load_settings({"LIPWIRE_SPEECH_KEY": "hush"}))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("LIPWIRE_MAX_SESSION", "LIPWIRE_MAX_SESSION is not known; did you mean LIPWIRE_MAX_SESSIONS?"),
        ("LIPWIRE_JUGGLING", "LIPWIRE_JUGGLING is not known"),
        ("LIPWIRE_CHROMIUM", ""),
        ("LIPWIRE_URL", ""),  # the client's
        ("LIPWIRE_API_KEY", "LIPWIRE_API_KEY is not known; did you mean LIPWIRE_API_KEYS?"),
        ("LIPWIRE_PORT", ""),
    ],
)
def test_an_unknown_variable_is_warned_of(name: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        load_settings({name: "1"})
    assert caplog.messages == ([f"settings: {said}"] if said else [])


def test_settings_stay_as_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPWIRE_PORT", "9000")
    settings = Settings()
    assert settings.port == 8000, "only load_settings reads variables"
    assert load_settings().port == 9000
    with pytest.raises(ValidationError):
        settings.port = 1


def test_a_checkout_keeps_its_data_and_an_installed_service_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.config.serving, "CHECKOUT", tmp_path)
    assert (Settings().data_dir, Settings().weights_dir) == (tmp_path / "data", tmp_path / "weights")
    monkeypatch.setattr(app.config.serving, "in_checkout", lambda: False)
    kept = platformdirs.user_data_path("lipwire", appauthor=False)
    assert (Settings().data_dir, Settings().weights_dir) == (kept, kept / "weights")


def test_the_settings_page_is_what_the_settings_say() -> None:
    assert with_table(PAGE.read_text()) == PAGE.read_text(), "run python -m tools.settings_table"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIPWIRE_ALLOWED_ORIGINS", "example.org"),
        ("LIPWIRE_ALLOWED_ORIGINS", "https://example.org/page"),
        ("LIPWIRE_ALLOWED_ORIGINS", "https://user@example.org"),
        ("LIPWIRE_ALLOWED_ORIGINS", "null"),
        ("LIPWIRE_EMBED_ORIGINS", "https://example.org; script-src *"),
        ("LIPWIRE_ALLOWED_HOSTS", "https://example.org"),
        ("LIPWIRE_ALLOWED_HOSTS", "example.org:8000"),
        ("LIPWIRE_ALLOWED_HOSTS", "*example.org"),
        ("LIPWIRE_LABEL", " "),
        ("LIPWIRE_LABEL", "a\nb"),
        ("LIPWIRE_LABEL", "\u200b"),
        ("LIPWIRE_LABEL", "x" * 81),
    ],
)
def test_sites_names_and_labels_that_would_not_do_are_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} must be [^\n]*\.$"):
        load_settings({name: value})


def test_sites_and_names_are_read_in_the_form_in_which_they_are_compared() -> None:
    settings = load_settings(
        {
            "LIPWIRE_ALLOWED_ORIGINS": "HTTPS://Example.org:443/, http://[::0001]:80,*",
            "LIPWIRE_ALLOWED_HOSTS": "Faces.Example.org., *.Example.org",
        }
    )
    assert settings.allowed_origins == ("https://example.org", "http://[::1]", "*")
    assert settings.allowed_hosts == ("faces.example.org", "*.example.org")

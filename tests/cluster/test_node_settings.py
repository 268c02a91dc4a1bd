"""What a machine says of itself counts there, and nothing else that its environment holds."""

from __future__ import annotations

import pytest

from app.cluster.node_settings import OF_A_NODE, of_this_node
from app.config import Settings, SettingsError

SHARED = Settings(ice_address="192.0.2.1", ice_ports="50000-50999", max_sessions=7, stage_url="https://{ip}:{port}")


def test_a_machine_that_says_nothing_has_the_clusters_settings() -> None:
    assert of_this_node(SHARED, {"HOME": "/", "LIPWIRE_ICE_ADDRESS": ""}) == SHARED


def test_a_machine_is_reached_as_it_says() -> None:
    own = {
        "LIPWIRE_ICE_ADDRESS": "203.0.113.7",
        "LIPWIRE_STAGE_URL": "https://a.stages.example.org:{port}",
        "LIPWIRE_STAGE_PORTS": "9000-9009",
    }
    found = of_this_node(SHARED, own)
    assert found.ice_address == "203.0.113.7" and found.stage_url == own["LIPWIRE_STAGE_URL"]
    assert found.stage_ports == "9000-9009" and found.ice_ports == SHARED.ice_ports
    assert found == SHARED.model_copy(update={name: getattr(found, name) for name in OF_A_NODE})


def test_what_is_the_clusters_stays_so_whatever_a_machine_says() -> None:
    other = {"LIPWIRE_MAX_SESSIONS": "9", "LIPWIRE_TOKEN_SECRET": "t" * 32, "LIPWIRE_DATA_DIR": "data"}
    assert of_this_node(SHARED, other) == SHARED


def test_what_cannot_be_used_is_named() -> None:
    with pytest.raises(SettingsError, match="LIPWIRE_ICE_ADDRESS"):
        of_this_node(SHARED, {"LIPWIRE_ICE_ADDRESS": "here"})


def test_all_of_it_are_settings() -> None:
    assert set(OF_A_NODE) <= set(Settings.model_fields)


def test_one_name_is_an_address_without_places_to_fill_in() -> None:
    assert Settings(stage_url="https://faces.example.org").shares_one_name
    assert not Settings().shares_one_name
    assert not Settings(stage_url="https://a.stages.example.org:{port}").shares_one_name

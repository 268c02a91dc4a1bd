"""Seals: one owner has one, and nobody else makes, changes or reads it."""

from __future__ import annotations

import string

import pytest

from app.cluster.seals import LONGEST, BadSeal, Owner, Seals
from app.session_ref import bare, is_bare_id, new_id, ref_in_path

SECRET = "s" * 32
OWNER = Owner("https://stage-17.faces.example.org:8117", "k3j9x0aa")
SEALS = Seals(SECRET)
SEAL = SEALS.seal(OWNER)
ID = "0123456789abcdef01234567"


@pytest.mark.parametrize(
    "owner",
    [OWNER, Owner("http://127.0.0.1:8100", "1"), Owner("http://[2001:db8::17]:8199", ""), Owner("http://a", "é")],
)
def test_a_seal_opens_to_its_owner_in_whichever_process_has_the_secret(owner: Owner) -> None:
    seal = Seals(SECRET).seal(owner)
    assert Seals(SECRET).open(f"{ID}.{seal}") == owner
    assert set(seal) <= set(string.ascii_letters + string.digits + "-_") and len(seal) <= LONGEST


def test_one_owner_has_one_seal_which_says_nothing() -> None:
    assert Seals(SECRET).seal(OWNER) == SEAL != SEALS.seal(Owner(OWNER.url, "another"))
    assert "stage" not in SEAL and Seals(SECRET + "!").seal(OWNER) != SEAL


def test_a_seal_of_another_secret_is_refused() -> None:
    with pytest.raises(BadSeal):
        Seals(SECRET + "!").open(f"{ID}.{SEAL}")


def test_every_seal_that_was_cut_is_refused() -> None:
    for length in range(len(SEAL)):
        for cut in (SEAL[:length], SEAL[len(SEAL) - length :]):
            with pytest.raises(BadSeal):
                SEALS.open(f"{ID}.{cut}")


def test_every_seal_with_another_character_is_refused() -> None:
    for place, was in enumerate(SEAL):
        for character in "AZ-_ .=\né":
            if character != was:
                with pytest.raises(BadSeal):
                    SEALS.open(f"{ID}.{SEAL[:place]}{character}{SEAL[place + 1 :]}")


@pytest.mark.parametrize("ref", ["", ID, f"{ID}.", ".", f"{ID}.{'A' * 10_000}", f"{ID}.{SEAL}.", f"{ID}.{SEAL}="])
def test_what_is_no_seal_is_refused(ref: str) -> None:
    with pytest.raises(BadSeal):
        SEALS.open(ref)


@pytest.mark.parametrize("url", ["https://" + "a" * 80, "ftp://a", "https://a\nb"])
def test_an_address_that_does_not_fit_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        SEALS.seal(Owner(url, "1"))


def test_references_of_one_session_have_one_bare_id() -> None:
    made = new_id()
    assert is_bare_id(made) and made != new_id()
    assert bare(f"{made}.{SEAL}") == bare(made) == made
    assert not is_bare_id(f"{made}.{SEAL}") and not is_bare_id("") and not is_bare_id(made.upper() + "g")


@pytest.mark.parametrize(
    ("path", "ref"),
    [
        (f"/api/sessions/{ID}", ID),
        (f"/api/sessions/{ID}.x/outputs/1", f"{ID}.x"),
        (f"/whep/{ID}.x/secret", f"{ID}.x"),
        (f"/watch/{ID}", None),
        ("/api/sessions", None),
        ("/api/sessions/", None),
        ("/api/avatars/abc", None),
        ("/", None),
    ],
)
def test_a_path_names_a_session(path: str, ref: str | None) -> None:
    assert ref_in_path(path) == ref

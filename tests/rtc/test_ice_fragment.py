from __future__ import annotations

import pytest

from app.errors import Refusal
from app.rtc.ice_fragment import MAX_CANDIDATES, IceFragment, without_candidates

BROWSERS = (
    "a=ice-ufrag:EsAw\r\n"
    "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"
    "a=mid:0\r\n"
    "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n"
    "a=candidate:3471623853 1 udp 2122194687 a1b2.local 61765 typ host generation 0 ufrag EsAw network-id 2\r\n"
    "a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0\r\n"
    "a=candidate:2154773085 2 udp 2122260222 192.0.2.1 61766 typ host\r\n"
    "a=candidate:2154773085 1 udp 2122260222 192.0.2.1 0 typ host\r\n"
    "a=candidate:2154773085 1 udp 2122260222 192.0.2.1 5 typ strange\r\n"
    "a=end-of-candidates\r\n"
)


def test_a_browsers_fragment_gives_its_candidates_over_udp() -> None:
    fragment = IceFragment.parse(BROWSERS)
    assert (fragment.ufrag, fragment.pwd, fragment.complete) == ("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1", True)
    assert [(each.ip, each.port, each.sdpMid) for each in fragment.candidates] == [
        ("192.0.2.1", 61764, "0"),
        ("a1b2.local", 61765, "0"),
    ]


def test_lines_may_end_with_a_line_feed_alone_and_candidates_without_end_are_more_to_come() -> None:
    text = BROWSERS.replace("\r\n", "\n").replace("a=end-of-candidates\n", "")
    fragment = IceFragment.parse(text)
    assert len(fragment.candidates) == 2 and not fragment.complete


def test_what_is_written_can_be_read_again() -> None:
    read = IceFragment.parse(BROWSERS)
    assert IceFragment.parse(str(read)) == read


def test_of_several_candidates_only_the_last_line_ends_with_a_carriage_return() -> None:
    lines = [line for line in str(IceFragment.parse(BROWSERS)).split("\n") if "candidate:" in line]
    assert [line.endswith("\r") for line in lines] == [False, True]


def test_a_flood_of_candidates_ends() -> None:
    flood = "".join(f"a=candidate:1 1 udp 1 192.0.2.1 {port} typ host\r\n" for port in range(1, 200))
    assert len(IceFragment.parse(flood).candidates) == MAX_CANDIDATES


@pytest.mark.parametrize("text", ["hello", "a=ice-ufrag:x\r\n", "a=ice-pwd:short\r\n", "a=candidate:1 1 udp x\r\n"])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        IceFragment.parse(text)
    assert refused.value.code == "bad_sdp"


def test_an_offer_keeps_everything_but_its_candidates() -> None:
    offer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=candidate:x\r\na=end-of-candidates\r\na=mid:0\r\n"
    assert without_candidates(offer) == "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"

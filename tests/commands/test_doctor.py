"""``doctor``: what would fail here is found before anything starts, and what to do is said."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from app.cli import main
from app.commands.doctor.access import access
from app.commands.doctor.certificates import certificates
from app.commands.doctor.disk import disk
from app.commands.doctor.finding import Finding
from app.commands.doctor.machine import machine
from app.commands.doctor.media import media
from app.commands.doctor.ports import ports
from app.commands.doctor.store import store
from app.config import Settings, parse_ice_servers
from tests.s3 import S3
from tests.server import Server
from tests.stores import Tried
from tests.turn_server import coturn

SECRET = "shared with the relay, and long"


def found(look: Callable[[Settings], Iterable[Finding]], settings: Settings, area: str) -> list[Finding]:
    return [finding for finding in look(settings) if finding.area == area]


def levels(look: Callable[[Settings], Iterable[Finding]], settings: Settings, area: str) -> list[str]:
    return [finding.level for finding in found(look, settings, area)]


def test_it_says_what_would_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPWIRE_PORT", "0")
    status = main(["doctor"])
    said = capsys.readouterr().out
    assert "auto means portrait" in said
    rate = re.search(r"portrait: (\d+) frames/s .* enough for [\d.]+ sessions", said)
    assert rate is not None, said  # a busy machine may have time for no session
    assert status == (0 if int(rate[1]) >= 25 else 1) or int(rate[1]) == 25


def test_it_says_so_to_programs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPWIRE_PORT", "0")
    monkeypatch.setenv("LIPWIRE_MAX_SESSION", "3")
    assert main(["doctor", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert not said["ok"]
    assert {"level": "problem", "area": "settings", "said": "LIPWIRE_MAX_SESSION is not known",
            "todo": "it is LIPWIRE_MAX_SESSIONS"} in said["findings"]  # fmt: skip


def test_a_port_is_free_taken_or_our_own(tmp_path: Path) -> None:
    assert levels(ports, Settings(port=0), "port") == ["ok"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (finding,) = found(ports, Settings(port=taken.getsockname()[1]), "port")
    assert finding.level == "problem" and "LIPWIRE_PORT" in finding.todo
    server = Server.start(tmp_path, "--engine", "clapper")
    try:
        (finding,) = found(ports, Settings(port=int(server.url.rsplit(":", 1)[1])), "port")
    finally:
        server.stop()
    assert finding.level == "ok" and "already" in finding.said


def test_ports_for_media_that_are_taken_are_counted() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("0.0.0.0", 0))
        port = taken.getsockname()[1]
        assert levels(media, Settings(ice_ports=f"{port}-{port}"), "ice ports") == ["problem"]
        assert levels(media, Settings(ice_ports=f"{port}-{port + 200}"), "ice ports") == ["warn"]
    assert levels(media, Settings(ice_ports=f"{port}-{port}"), "ice ports") == ["ok"]


@pytest.mark.realtime
def test_stun_and_turn_servers_are_asked(tmp_path: Path) -> None:
    own = ("--use-auth-secret", "--static-auth-secret", SECRET, "--realm", "lipwire")
    with coturn(tmp_path, *own) as port:
        for urls, turn_secret, area, level in (
            (f"stun:127.0.0.1:{port}", "", "stun", "ok"),
            (f"turn:127.0.0.1:{port}", SECRET, "turn", "ok"),
            (f"turn:127.0.0.1:{port}?transport=tcp", SECRET, "turn", "ok"),
            (f"turn:127.0.0.1:{port}", "another secret altogether", "turn", "problem"),
        ):
            settings = Settings(ice_servers=parse_ice_servers(urls), turn_secret=turn_secret)
            (finding,) = found(media, settings, area)
            assert finding.level == level, finding
    for urls in (f"stun:127.0.0.1:{port}", f"turn:127.0.0.1:{port}?transport=tcp", f"turn:127.0.0.1:{port}"):
        settings = Settings(ice_servers=parse_ice_servers(urls), turn_secret=SECRET)
        assert levels(media, settings, urls.partition(":")[0]) == ["problem"], "nobody is there any more"


def certificate(folder: Path, name: str, days: int, key: ec.EllipticCurvePrivateKey) -> Path:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=400)).not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / f"{name}-{days}.pem"
    path.write_bytes(made.public_bytes(Encoding.PEM))
    return path


def test_certificates_fit_their_keys_their_names_and_today(tmp_path: Path) -> None:
    key, keyfile = ec.generate_private_key(ec.SECP256R1()), tmp_path / "key.pem"
    keyfile.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    keyfile.chmod(0o600)

    def looked(days: int, name: str = "faces.example.org", signs: ec.EllipticCurvePrivateKey = key) -> list[str]:
        certfile = certificate(tmp_path, name, days, signs)
        url = "https://faces.example.org"
        return levels(
            certificates, Settings(ssl_certfile=str(certfile), ssl_keyfile=str(keyfile), public_url=url), "https"
        )

    assert looked(90) == ["ok"]
    assert looked(90, "*.example.org") == ["ok"]
    assert looked(5) == ["warn"]
    assert looked(-5) == ["problem"]
    assert looked(90, "other.example.org") == ["ok", "problem"]
    assert looked(90, signs=ec.generate_private_key(ec.SECP256R1())) == ["problem"]
    keyfile.chmod(0o644)
    assert looked(90) == ["ok", "warn"]
    signing = Settings(c2pa_certfile=certificate(tmp_path, "signer", -1, key), c2pa_keyfile=keyfile)
    assert "problem" in levels(certificates, signing, "c2pa")


def test_a_disk_is_measured_and_one_that_is_full_or_closed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert levels(disk, Settings(data_dir=tmp_path / "later", spare_disk_megabytes=0), "disk") in (["ok"], ["warn"])
    assert not (tmp_path / "later").exists() and not any(tmp_path.iterdir()), "it leaves nothing"
    assert levels(disk, Settings(data_dir=tmp_path, spare_disk_megabytes=1e9), "disk") == ["problem"]
    (tmp_path / "file").write_text("no folder")
    assert levels(disk, Settings(data_dir=tmp_path / "file"), "disk") == ["problem"]
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert levels(disk, Settings(data_dir=tmp_path), "disk") == ["problem"]


def test_an_open_door_without_a_good_key_is_a_problem(tmp_path: Path) -> None:
    strong = "k" * 32

    def looked(**wish: str | tuple[str, ...] | Path) -> list[str]:
        return levels(access, Settings.model_validate({"data_dir": tmp_path, **wish}), "keys")

    assert looked() == ["ok"]
    assert looked(host="0.0.0.0") == ["problem"]
    assert looked(host="0.0.0.0", api_keys=(strong,)) == ["ok"]
    assert looked(host="0.0.0.0", api_keys=("secret", strong)) == ["ok", "problem"]
    assert looked(api_keys=("sha256:" + "0" * 64,)) == ["ok"]
    assert looked(keys_file=tmp_path / "none.json") == ["ok", "warn"]
    keys = tmp_path / "keys.json"
    keys.write_text("{}")
    keys.chmod(0o600)
    assert looked(host="0.0.0.0") == ["ok"]
    keys.chmod(0o640)
    assert looked(host="0.0.0.0") == ["ok", "problem"]


def test_limits_of_a_container_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text("300000000\n")
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    monkeypatch.setattr("app.commands.doctor.machine.CGROUP", tmp_path)
    monkeypatch.setattr("resource.getrlimit", lambda which: (256, 256))
    seen = {finding.area: finding for finding in machine(Settings())}
    assert seen["memory"].level == "problem" and "container" in seen["memory"].said
    assert seen["cores"].level == "warn" and "0.5" in seen["cores"].said
    assert seen["files"].level == "warn" and "LimitNOFILE" in seen["files"].todo


def test_a_shared_store_is_written_read_and_left_as_it_was(tried: Tried) -> None:
    tried.connect().list("avatars/")
    settings = Settings(store=tried.url, store_endpoint=tried.endpoint)
    assert [found.level for found in store(settings)] == ["ok"]
    assert tried.connect().list("trial/") == []
    tried.take_away()
    [found] = store(settings)
    if tried.url.startswith("file:"):
        assert found.level == "warn" and "is not there" in found.said
    else:
        assert found.level == "problem" and "cannot be used" in found.said and "AWS_" in found.todo


def test_a_store_that_is_not_there_is_a_problem(s3: S3, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for url in ("s3://no-such-bucket/x", f"file://{tmp_path}/file"):
        [found] = store(Settings(store=url, store_endpoint=s3.url))
        assert found.level == "problem", found
    assert list(store(Settings())) == []

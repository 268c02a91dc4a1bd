"""Many machines: where stages stand, how many there are, and what they share."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from app.config.group import SettingsGroup
from app.config.wanting import HTTP_URL, wanting

STORES = ("file:///", "s3://")
TEMPLATE = re.compile(r"https?://[^/?#\s]+")
PORTS = re.compile(r"(\d+)-(\d+)")


class Cluster(SettingsGroup):
    """The store that nodes share, the front and the stages of ``app.cluster``."""

    store: str = Field(
        default="",
        description="where avatars and recordings are kept for all nodes: `file:///folder` or `s3://bucket/prefix`; "
        "else in the data folder alone",
    )
    store_endpoint: str = Field(
        default="", description="address of an S3-compatible server; else what `AWS_ENDPOINT_URL` says, or Amazon's"
    )
    front_url: str = Field(
        default="http://127.0.0.1:8000", description="address at which people reach the front of a cluster"
    )
    stage_url: str = Field(
        default="http://{ip}:{port}",
        description="address at which clients reach a stage, with `{ip}` and `{port}` of it where they stand; with "
        "neither all stages have one name, and a proxy before them that routes by references",
    )
    stage_ports: str = Field(default="8100-8199", description="TCP ports of stages; each takes the first free one")
    stages_min: int = Field(default=1, ge=1, description="stages that are kept, however few sessions there are")
    stages_max: int = Field(default=4, ge=1, description="stages that there may be at most")
    stage_cores: float = Field(default=1.0, ge=0, description="processor cores that Ray counts for a stage")
    stage_gpus: float = Field(default=0.0, ge=0, description="GPUs, or a share of one, that Ray counts for a stage")
    fronts: int = Field(default=1, ge=1, description="fronts that place sessions; two outlive the loss of one")
    move_s: float = Field(
        default=300.0, ge=0, description="seconds that sessions get to move away from a stage that is no longer needed"
    )

    @property
    def shares_one_name(self) -> bool:
        """Whether all stages are reached under one address, by a proxy that routes by references."""
        return "{" not in self.stage_url

    @field_validator("store")
    @classmethod
    def _check_store(cls, value: str) -> str:
        if value and not value.startswith(STORES):
            raise wanting("store", "file:///folder or s3://bucket/prefix")
        return value.rstrip("/")

    @field_validator("front_url")
    @classmethod
    def _check_front_url(cls, value: str) -> str:
        if not HTTP_URL.fullmatch(value):
            raise wanting("front_url", "an http:// or https:// address")
        return value.rstrip("/")

    @field_validator("stage_url")
    @classmethod
    def _check_stage_url(cls, value: str) -> str:
        value = value.rstrip("/")
        try:
            is_address = TEMPLATE.fullmatch(value.format(ip="192.0.2.1", port=8100)) is not None
        except (KeyError, IndexError, ValueError):
            is_address = False
        if not is_address:
            raise wanting("stage_url", "an http:// or https:// address, such as https://{ip}:{port}")
        return value

    @field_validator("stage_ports")
    @classmethod
    def _check_stage_ports(cls, value: str) -> str:
        match = PORTS.fullmatch(value)
        if match is None or not 0 < int(match[1]) <= int(match[2]) < 65536:
            raise wanting("stage_ports", "a range of TCP ports, such as 8100-8199")
        return value

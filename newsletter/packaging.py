"""Where the files that ship with the program lie: in a wheel below ``newsletter/packaged``, in a checkout at its top level."""

from __future__ import annotations

from pathlib import Path

_PACKAGED = Path(__file__).parent / "packaged"
_CHECKOUT = Path(__file__).parent.parent


def default_config() -> Path:
    """Return the commented configuration that runs as it is."""
    return _shipped("config.toml")


def default_templates() -> Path:
    """Return the folder of the templates that an operator's own folder overrides file by file."""
    return _shipped("templates")


def sample_papers() -> Path:
    """Return the bundled sample: two weeks of real papers as JSON Lines."""
    return Path(__file__).parent / "demo" / "sample" / "papers.jsonl"


def _shipped(name: str) -> Path:
    packaged = _PACKAGED / name
    return packaged if packaged.exists() else _CHECKOUT / name

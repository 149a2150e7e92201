"""Personas: choices that nobody made."""

from __future__ import annotations

import re

import pytest

from newsletter.preview.studio.personas import PERSONAS, persona_of
from subscribers.model import Interests


def test_a_persona_is_found_by_its_key_and_its_name_fits_into_a_url() -> None:
    for persona in PERSONAS:
        assert persona_of(persona.key) is persona
        assert re.fullmatch("[a-z]+", persona.key)
        assert persona.label.isprintable()
    assert len({persona.key for persona in PERSONAS}) == len(PERSONAS)


@pytest.mark.parametrize("key", ["", "nobody", "1", "COMMON", "common "])
def test_nobody_else_is_a_persona(key: str) -> None:
    assert persona_of(key) is None


def test_the_first_persona_chose_nothing() -> None:
    assert PERSONAS[0].interests == Interests()
    assert PERSONAS[0].size is None

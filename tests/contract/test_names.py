"""Every attribute that the engine can emit is in the record's table, with the same type."""

from __future__ import annotations

from prompt_history.exporter.fields import FIELDS
from prompt_history.instrumentation.semconv import ATTRIBUTES


def test_every_attribute_of_the_engine_is_a_field_of_the_record() -> None:
    same = {"JSON": "text"}
    described = {name: same.get(field.kind, field.kind) for name, field in FIELDS.items()}
    assert ATTRIBUTES.items() <= described.items()

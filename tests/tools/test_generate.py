"""What is made from the code is as the code would make it now; ``make snapshots`` renews it."""

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from environments import Environment
from environments.fields import Section, described
from environments.loading import ROOT
from tools.generate import GENERATED, sections

pytestmark = pytest.mark.slow

FIELDS: list[tuple[str, FieldInfo]] = [
    (f"{path}.{name}".lstrip("."), field)
    for path, model in sections("", Environment)
    for name, field in model.model_fields.items()
]


@pytest.mark.parametrize("file", GENERATED)
def test_a_generated_file_is_up_to_date(file: str) -> None:
    assert (ROOT / file).read_text() == GENERATED[file]()


@pytest.mark.parametrize(("path", "section"), list(sections("", Environment)), ids=str)
def test_every_field_says_what_it_is(path: str, section: type[Section]) -> None:
    texts = described(section)
    assert list(texts) == list(section.model_fields), path
    assert all(text.endswith(".") for text in texts.values()), path


@pytest.mark.parametrize(("path", "field"), FIELDS, ids=[path for path, _ in FIELDS])
def test_every_number_has_a_unit(path: str, field: FieldInfo) -> None:
    extra = field.json_schema_extra
    assert field.annotation not in (int, float) or (isinstance(extra, dict) and extra.get("unit")), path


def test_every_section_is_closed_and_cannot_be_changed() -> None:
    models: list[type[BaseModel]] = [model for _, model in sections("", Environment)]
    assert all(model.model_config["extra"] == "forbid" and model.model_config["frozen"] for model in models)

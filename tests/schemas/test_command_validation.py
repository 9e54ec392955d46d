"""What a command about alerts may hold, from whoever it comes."""

import re
from typing import Any

import pytest

from schemas.acceptance import accepted, all_accepted
from schemas.codec import Codec
from schemas.command_validation import check_command
from schemas.errors import InvalidValueError
from schemas.events import COMMAND_KINDS, AlertCommand
from schemas.table import SchemaTable

CODEC = Codec(SchemaTable())
PLAN = AlertCommand(
    *("c", "plan", "net", "1", "a", "reagent_batch", "L9"),
    *(5_000, None, "ann", "new lot on Monday", 4_000),
)


@pytest.mark.parametrize("kind", COMMAND_KINDS)
def test_every_kind_is_taken(kind: str) -> None:
    check_command(PLAN._replace(kind=kind))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "hush"}, "kind is 'hush'; allowed are acknowledge, mute"),
        ({"command_id": ""}, "command_id is empty"),
        ({"assay_id": " "}, "assay_id is empty"),
        ({"by": "a\nb"}, "by holds a control character"),
        ({"note": "x" * 1_001}, "note has 1001 bytes"),
        ({"note": ""}, "note is missing"),
        ({"starts_at": None}, "starts_at is missing"),
        ({"starts_at": 2**62}, "starts_at is outside the years"),
        ({"ends_at": 5_000}, "ends_at does not lie after"),
        ({"segment_field": "lot"}, "segment_field is 'lot'; allowed are reagent_batch"),
        ({"segment_field": None}, "segment_value is given without segment_field"),
        ({"model_id": None}, "model_version is given without model_id"),
        ({"lane": -1}, "lane is -1"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], sentence: str) -> None:
    wrong = PLAN._replace(**changes)
    with pytest.raises(InvalidValueError, match=re.escape(sentence)) as raised:
        check_command(wrong)
    assert raised.value.column in wrong._fields
    payload = CODEC.encode(wrong)
    with pytest.raises(InvalidValueError):
        accepted(CODEC, payload, AlertCommand)
    good = CODEC.encode(PLAN)
    found = all_accepted(CODEC, [good] * 30 + [payload], AlertCommand)
    assert found[:30] == [PLAN] * 30 and isinstance(found[30], InvalidValueError)

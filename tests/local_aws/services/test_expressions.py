from typing import Any

import pytest

from local_aws.services.expressions import filled

SCOPE = {"record": {"Name": "desk", "Paths": ["/a", "/b/c"], "Tags": {"team": {"names": ["x"]}}}, "five": 5}

FILLED = [
    ("plain", "plain"),
    ("{record.Paths}", ["/a", "/b/c"]),
    ("{record.Name}-{five}", "desk-5"),
    ("{record.None}", None),
    ("{{a: five}}", {"a": 5}),
    ({"a": ["{five}", 1, True]}, {"a": [5, 1, True]}),
    ("{overlapping(record.Paths, '/b')}", ["/b/c"]),
    ("{overlapping(record.Paths, '/a/x')}", ["/a"]),
    ("{overlapping(record.Paths, '/ab')}", []),
    ("{overlapping(record.Paths, '/')}", ["/a", "/b/c"]),
    ("{holds(record, 'x')}", True),
    ("{holds(record, 'y')}", False),
    ("{gathered(record, 'names')}", [["x"]]),
    ("{missing(record.Paths, ['/a'])}", ["/b/c"]),
    ("{part('a/b/c', '/', `-1`)}", "c"),
    ("{behind('s3://bucket/a/b', '/', `3`)}", "a/b"),
    ("{rest(`7`, `3`)}", 1),
    ("{plus(five, `1`)}", 6),
    ("{upper(record.Name)}", "DESK"),
    ("{length(hex(`17`))}", 17),
    ("{length(letters(`12`))}", 12),
    ("{length(uuid())}", 36),
    ("{where([record], 'Name', 'desk')[].Name}", ["desk"]),
    ("{having([record], 'Paths', '/a')[].Name}", ["desk"]),
    ("{among([record], 'Name', ['desk', 'bed'])[].Name}", ["desk"]),
    ("{among([record], 'Name', null)}", []),
    ("{by_arn([{q: 'desk'}, {q: 'bed'}], 'q', [{n: 'desk', a: 'arn'}], 'n', 'a')}", [{"q": "arn"}, {"q": "bed"}]),
    ("{by_arn(null, 'q', `[]`, 'n', 'a')}", None),
    ("{arn_of('r', '1', 'model', 'My/Model')}", "arn:aws:sagemaker:r:1:model/model"),
]


@pytest.mark.parametrize(("template", "value"), FILLED, ids=[str(template) for template, _ in FILLED])
def test_a_template_stands_for_its_value(template: Any, value: Any) -> None:
    assert filled(template, SCOPE) == value

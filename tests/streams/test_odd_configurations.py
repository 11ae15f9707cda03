"""Configurations that nobody would write: each is read, or refused with every mistake in words; nothing else, and no secret is told.

`FAIRDRIFT_EXAMPLES=500` asks for more of them.
"""

import os

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.config import ConfigError, parse
from streams.settings import Settings

EXAMPLES = int(os.environ.get("FAIRDRIFT_EXAMPLES", "40"))
SECRET = "hunter2-hunter2-hunter2"
SECTIONS = sorted(Settings.model_fields)
KEYS = """name type attributes values bins metric bound min max window for receivers url secret topics tokens steps routes""".split()
WORDS = """credit threshold webhook 5m 1h -1h 1e9d selection_rate ${HOME_OF_NOBODY} ${file:/nonexistent} ${ *""".split()
WORDS += ["", SECRET, f"postgresql://u:{SECRET}"]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=10)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=15,
)
MODEL = {"name": "credit", "attributes": {"sex": ["F", "M"]}}


def read(text: str) -> None:
    try:
        parse(text, environ={})
    except ConfigError as error:
        assert error.mistakes
        assert all(told.strip() for _, told in error.mistakes)
        assert SECRET not in str(error) or SECRET in str([path for path, _ in error.mistakes])


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.dictionaries(st.sampled_from(SECTIONS), VALUES, max_size=4))
@example({"rules": [{"type": "threshold"}], "receivers": [{"type": "webhook", "url": SECRET}]})
@example({"models": [[[]]], "kafka": {"bootstrap": {}}, "route": {"routes": {"routes": {}}}})
def test_sections_of_anything(given_sections: dict[str, object]) -> None:
    read(yaml.safe_dump({"models": [MODEL], **given_sections}))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.text(max_size=200)
    | st.sampled_from(
        [
            "models: &a [*a]",
            "a: *b",
            "%YAML 9.9\n---\n",
            "--- !!python/object/apply:os.system ['true']",
            "? [a]: b",
            "models:\n\t- x",
        ]
    )
)
def test_texts_of_anything(text: str) -> None:
    read(text)

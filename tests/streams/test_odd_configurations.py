"""Configurations that nobody would write: each is read, or refused with every mistake in words; nothing else.

`FAIRDRIFT_EXAMPLES=500` asks for more of them.
"""

import os

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.config import ConfigError, parse
from streams.settings import Settings

EXAMPLES = int(os.environ.get("FAIRDRIFT_EXAMPLES", "40"))
SECTIONS = sorted(Settings.model_fields)
KEYS = [
    "name", "type", "attributes", "values", "bins", "metric", "bound", "min", "max", "window", "for", "receivers", "url",
    "secret", "topics", "tokens", "steps", "routes",
]  # fmt: skip
WORDS = [
    "credit", "threshold", "webhook", "5m", "1h", "-1h", "1e9d", "selection_rate", "${HOME_OF_NOBODY}", "${file:/nonexistent}",
    "${", "*", "", "postgresql://u:p@h",
]  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=10)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=15,
)
MODEL = {"name": "credit", "attributes": {"sex": ["F", "M"]}}


def refusal(text: str) -> ConfigError | None:
    """What is wrong with it; None if nothing is. Any other error is the test's."""
    try:
        parse(text, environ={})
    except ConfigError as error:
        return error
    return None


def read(text: str) -> None:
    refused = refusal(text)
    if refused is not None:
        assert refused.mistakes
        assert all(told.strip() for _, told in refused.mistakes)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.dictionaries(st.sampled_from(SECTIONS), VALUES, max_size=4))
@example({"rules": [{"type": "threshold"}], "receivers": [{"type": "webhook", "url": "x"}]})
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
@example("models:\n- \x1f")
def test_texts_of_anything(text: str) -> None:
    read(text)


def test_a_character_that_yaml_has_not_is_named_with_its_line() -> None:
    refused = refusal("models:\n- {name: a\x1f}")
    assert refused is not None
    assert "line 2: is not YAML: it has the character U+001F" in str(refused)

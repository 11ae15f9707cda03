"""The colours of the boards: told apart by colour-blind people too, and never the only sign (texts and dashes say the same).

Source: M. Okabe and K. Ito, "Color Universal Design" (2008).
"""

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models

BLUE = "#0072B2"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
ORANGE = "#E69F00"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#8E8E8E"

INSIDE, NEAR, OUTSIDE, CANNOT_SAY = BLUE, ORANGE, VERMILION, GREY

ROUTES = {"live": BLUE, "canary": SKY, "shadow": PURPLE, "fallback": VERMILION}


def steps(first: str, *later: tuple[float, str]) -> builders.ThresholdsConfig:
    """Thresholds: a colour below all, and from each value on another."""
    all_steps = [
        models.Threshold(color=first),
        *(models.Threshold(value=value, color=colour) for value, colour in later),
    ]
    return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(all_steps)


def named(texts: dict[str, tuple[str, str]]) -> list[models.ValueMapping]:
    """Values shown as a text in a colour: value -> (text, colour)."""
    results = {
        value: models.ValueMappingResult(text=text, color=colour, index=place)
        for place, (value, (text, colour)) in enumerate(texts.items())
    }
    return [models.ValueMap(options=results)]


def missing(text: str) -> models.ValueMapping:
    """What is shown instead of a null: it is never a zero."""
    result = models.ValueMappingResult(text=text, color=GREY, index=99)
    options = models.DashboardSpecialValueMapOptions(match=models.SpecialValueMatch.NULL_AND_NAN, result=result)
    return models.SpecialValueMap(options=options)


def by_value(mode: models.FieldColorModeId) -> builders.FieldColor:
    """A colour scale over the values, by the last one of a line."""
    return builders.FieldColor().mode(mode).series_by(models.FieldColorSeriesByMode.LAST)


def fixed(colour: str) -> models.DynamicConfigValue:
    """One colour, as an override."""
    return models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})

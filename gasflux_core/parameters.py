"""The one declaration of a stage's parameters, from which every face is made.

A stage's parameters are a frozen pydantic model. Each field is made by :func:`parameter`, which
asks for title, text and (for a quantity) unit, so that WPS inputs, the command line, the
configuration file and the reference all say the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from gasflux_core.errors import InputError, InputFaults


class Parameters(BaseModel):
    """Base of the parameters of every stage: frozen, no unknown names, finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    @classmethod
    def check(cls, values: Mapping[str, Any] | None = None, *, within: str = "") -> Self:
        """Make the parameters from a mapping, or say what is wrong with it.

        :param values: name → value; names left out take their default.
        :param within: prefix of the names in messages, such as ``kriging.``.
        :raises InputFaults: naming each parameter at fault, what was expected and what came.
        """
        try:
            return cls.model_validate(dict(values or {}))
        except ValidationError as error:
            faults = [_fault(detail, within, cls) for detail in error.errors()]
            raise InputFaults(faults) from None


def parameter(
    default: Any,
    *,
    title: str,
    text: str,
    unit: str | None = None,
    ge: float | None = None,
    le: float | None = None,
    gt: float | None = None,
    lt: float | None = None,
) -> Any:
    """Declare one parameter.

    :param default: value where none is given; ``...`` where one must be given.
    :param title: a few words, for forms and lists.
    :param text: one or two sentences: what it does, and when to change it.
    :param unit: UCUM-like unit (``m``, ``deg``, ``s``, ``1``); None for what is no quantity.
    :param ge, le, gt, lt: bounds.
    """
    return Field(
        default,
        title=title,
        description=text,
        ge=ge,
        le=le,
        gt=gt,
        lt=lt,
        json_schema_extra={"unit": unit} if unit else None,
    )


def unit_of(model: type[BaseModel], name: str) -> str | None:
    """Unit declared for a field, or None."""
    extra = model.model_fields[name].json_schema_extra
    unit = extra.get("unit") if isinstance(extra, dict) else None
    return str(unit) if unit else None


def _fault(detail: ErrorDetails, within: str, model: type[Parameters]) -> InputError:
    path = within + ".".join(str(part) for part in detail["loc"])
    came = detail["input"]
    if detail["type"] == "extra_forbidden":
        known = ", ".join(sorted(model.model_fields)) if len(detail["loc"]) == 1 else "see the reference"
        return InputError(f"{path}: there is no parameter of this name (known here: {known})", path)
    if detail["type"] == "missing":
        return InputError(f"{path}: a value is required", path)
    expected = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return InputError(f"{path}: expected {expected}, got {_shown(came)}", path)


def _shown(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."

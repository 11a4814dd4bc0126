"""What the params of the built-in types have in common; their JSON comes in from documents and from other steps."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from runtime.references import as_text, parse_template


class Params(BaseModel):
    """Base of the params of the built-in types: an unknown key is wrong."""

    model_config = ConfigDict(extra="forbid")


class _TextOnceResolved:
    """In a document a string must stand here; a value of any other type that a reference brings becomes its text."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        text = handler(source)
        any_value = core_schema.no_info_before_validator_function(as_text, text)
        return core_schema.lax_or_strict_schema(lax_schema=any_value, strict_schema=text)


def _known_encoding(name: str) -> str:
    try:
        "".encode(name)
    except (LookupError, ValueError):
        raise PydanticCustomError("text_encoding", "a text encoding, for example utf-8 or latin-1") from None
    return name


Text = Annotated[str, BeforeValidator(as_text)]  # any JSON value, as its text
Prose = Annotated[str, _TextOnceResolved()]
Encoding = Annotated[str, AfterValidator(_known_encoding)]
ENCODING_WORDS = r"\b(encod|utf|latin|charset|code ?page)"  # of a request that is about one
Timeout = Annotated[float, Field(gt=0, allow_inf_nan=False, description="seconds for one attempt")]


def literal(value: object) -> str | None:
    """The text of a param as written that holds no reference; None for any other value."""
    if not isinstance(value, str):
        return None
    parts = parse_template(value)
    texts = [each for each in parts if isinstance(each, str)]
    return "".join(texts) if len(texts) == len(parts) else None

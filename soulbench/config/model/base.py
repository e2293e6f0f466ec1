"""What the sections of the model share: the base class, and the types of values."""

from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

#: Types of errors that `soulbench.config.messages` puts into words.
DUPLICATE, PROBLEMS = "duplicate", "problems"


class Section(BaseModel):
    """A mapping of the configuration: every key is required, others are refused, and no type is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong between valid values, each as `key: what is wrong; allowed: ...`.

        Keys begin at the section: `min_objects`, not `data.min_objects`.
        """
        yield from ()

    @model_validator(mode="after")
    def _no_problems(self) -> "Section":
        lines = list(self.problems())
        if lines:
            raise PydanticCustomError(PROBLEMS, "{lines}", {"lines": lines})
        return self


def _unique(values: list[Any]) -> list[Any]:
    repeated = [value for index, value in enumerate(values) if value in values[:index]]
    if repeated:
        raise PydanticCustomError(DUPLICATE, "{repeated}", {"repeated": repeated[0]})
    return values


Item = TypeVar("Item")
#: A list without duplicates.
Unique = Annotated[
    list[Item], Field(max_length=1000, json_schema_extra={"uniqueItems": True}), AfterValidator(_unique)
]

#: Upper bounds are far above any use; they stop a typing error before it asks for terabytes or years.
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Natural = Annotated[int, Field(ge=1, le=1_000_000)]
Steps = Annotated[int, Field(ge=0, le=1_000_000_000)]
Batch = Annotated[int, Field(ge=1, le=65_536)]
Width = Annotated[int, Field(ge=1, le=16_384)]
Layers = Annotated[int, Field(ge=1, le=64)]
Pixels = Annotated[int, Field(ge=1, le=2048)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Share = Annotated[float, Field(ge=0, le=1)]
LossWeight = Annotated[float, Field(ge=0, le=1e6)]

NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._-]*$"
ID_PATTERN = "^[a-z0-9]+(-[a-z0-9]+)*$"
LINE_PATTERN = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$"
LABEL_PATTERN = r"^[^\s\x00-\x1f\x7f-\x9f]+( [^\s\x00-\x1f\x7f-\x9f]+)*$"
#: Patterns -> what they allow, in words.
PATTERNS = {
    NAME_PATTERN: "made of letters, digits, '.', '_' and '-', beginning with a letter or a digit",
    ID_PATTERN: "made of lower-case letters, digits and single dashes",
    LINE_PATTERN: "on one line, without control characters",
    LABEL_PATTERN: "of words with single spaces between them",
}
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=100)]
Id = Annotated[str, Field(pattern=ID_PATTERN, max_length=64)]
Title = Annotated[str, Field(pattern=LINE_PATTERN, max_length=200)]
Label = Annotated[str, Field(pattern=LABEL_PATTERN, max_length=100)]
FilePath = Annotated[str, Field(pattern=LINE_PATTERN, max_length=1000)]

"""Errors that people read: each says in both languages what is wrong and what to do."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence for people, in Chinese (`zh`) and in English (`en`)."""

    zh: str
    en: str

    def __str__(self) -> str:
        """Return the Chinese sentence."""
        return self.zh

    def in_language(self, language: str) -> str:
        """Return the sentence in `language` (`"en"`, anything else is Chinese)."""
        return self.en if language.startswith("en") else self.zh


class AppError(Exception):
    """Base of all errors a caller can do something about; nothing was changed.

    `facts` are JSON values for machines: the field, the element, the file and line concerned.
    """

    def __init__(self, text: Text, **facts: Any) -> None:
        """Say `text`; see the class for `facts`."""
        super().__init__(text.zh)
        self.text = text
        self.facts = facts


class Invalid(AppError):
    """The input is wrong; `facts["fields"]` maps a field key to its `Text` where fields are concerned."""


class NotFound(AppError):
    """It does not exist, or this person may not know that it does."""


class Forbidden(AppError):
    """The person is known and may see it, but may not do this."""


class Conflict(AppError):
    """Someone or something else changed it first; the text says who did what."""


class Unavailable(AppError):
    """A part of the machine (disk, database) cannot do it now; trying again later is right."""

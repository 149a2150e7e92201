"""What can go wrong between a digest and its bytes."""

from __future__ import annotations

from collections.abc import Sequence

from newsletter.errors import NewsletterError
from newsletter.rendering.findings import Finding, errors_in


class RenderingError(NewsletterError):
    """A digest could not be turned into a message."""


class TemplateError(RenderingError):
    """A template cannot be used.

    Attributes:
        template: name of the file, as templates name each other.
        line: line in that file, from 1; None where no line is to blame.
        problem: what is wrong, without that place.
        further: what else is wrong with the same mail, as far as it was found out at once.
    """

    def __init__(self, template: str, problem: str, *, line: int | None = None) -> None:
        place = template if line is None else f"{template}:{line}"
        super().__init__(f"{place}: {problem}")
        self.template, self.line, self.problem = template, line, problem
        self.further: tuple[TemplateError, ...] = ()


class TemplateMissingError(TemplateError):
    """No file of this name, neither in the operator's folder nor in the package."""


class MessageRefused(RenderingError):  # noqa: N818 - the name says what happened: the linter let it not pass
    """A composed message broke a rule and must not leave.

    Attributes:
        findings: everything the linter found, errors and warnings.
    """

    def __init__(self, what: str, findings: Sequence[Finding]) -> None:
        lines = "\n".join(f"  - {finding}" for finding in findings)
        super().__init__(f"{what}: the message was refused; mend the template or the newsletter's settings\n{lines}")
        self.findings = tuple(findings)

    @property
    def rules(self) -> str:
        """Names of the rules that it broke, each once, with commas between."""
        return ",".join(dict.fromkeys(finding.rule for finding in errors_in(self.findings)))

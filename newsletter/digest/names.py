"""People and labs as they are printed, found by how a reader wrote them; better nobody than a namesake."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, zip_longest
from typing import Self

from newsletter.digest.words import fold

_PART = re.compile(r"[^\W_]+")
#: Where a name that is written in one goes apart: ``OpenMOSS``, ``ByteDance``.
_SEAM = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv"})


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name, folded: ``given`` names or their initials in order, and the last part of the family name."""

    given: tuple[str, ...]
    family: str

    @classmethod
    def of(cls, written: str) -> Self:
        """Read a name, also one with the family name and a comma first; one of a single word has no given names."""
        family, comma, given = written.partition(",")
        parts = _PART.findall(fold(f"{given} {family}" if comma else written))
        while len(parts) > 2 and parts[-1] in _SUFFIXES:
            parts.pop()
        return cls(tuple(parts[:-1]), parts[-1] if parts else "")

    @property
    def joined(self) -> str:
        """The whole name without blanks."""
        return "".join((*self.given, self.family))

    def may_be(self, other: Name) -> bool:
        """Whether both could be one person's: family names are equal, and no given name speaks against it.

        An initial stands for any name that begins with it. A name that only one of them has is left out by the other one as
        long as it is an initial: *Geoffrey E. Hinton* and *Geoffrey Hinton* may be one, *Ming Yang* and *Ming-Hsuan Yang*
        are two.
        """
        if self.family != other.family or not (self.given and other.given):
            return self == other
        return all(_fits(one, two) for one, two in zip_longest(self.given, other.given, fillvalue=""))

    def is_surely(self, other: Name) -> bool:
        """Whether :meth:`may_be` holds, and more than an initial says so: a whole given name, or two initials of it."""
        pairs = list(zip(self.given, other.given, strict=False))
        is_told = any(len(one) > 1 and one == two for one, two in pairs[:1])
        return self.may_be(other) and (is_told or len(pairs) > 1)


def _fits(one: str, two: str) -> bool:
    if len(one) > 1 and len(two) > 1:
        return one == two
    return one[:1] == two[:1] or (len(one) <= 1 and not two) or (len(two) <= 1 and not one)


class People:
    """Authors of some papers.

    Args:
        papers: the printed authors of each.
    """

    def __init__(self, papers: Iterable[Collection[str]]) -> None:
        self._papers: defaultdict[str, set[int]] = defaultdict(set)
        printed: dict[str, Name] = {}
        for number, authors in enumerate(papers):
            for author in authors:
                self._papers[author].add(number)
                printed.setdefault(author, Name.of(author))
        self._of_family: defaultdict[str, list[tuple[str, Name]]] = defaultdict(list)
        self._joined: defaultdict[str, list[str]] = defaultdict(list)
        for author, name in printed.items():
            self._of_family[name.family].append((author, name))
            self._joined[name.joined].append(author)

    def papers_of(self, written: str) -> frozenset[int]:
        """Return the numbers, from 0, of the papers by somebody a reader follows.

        Accents, points, hyphens and the order *Family, Given* do not matter, and initials in the middle may be missing. A
        reader who wrote only an initial, *Y. LeCun*, means whoever fits it, as long as all who fit could be one person: of
        *Wei Wang* and *Wen Wang* neither is *W. Wang*. A printed *W. Wang* is not the *Wei Wang* a reader follows.
        """
        wanted = Name.of(written)
        if not wanted.family:
            return frozenset()
        same = self._joined.get(wanted.joined, [])
        family = self._of_family.get(wanted.family, [])
        sure = [author for author, name in family if wanted.is_surely(name)]
        authors = {*same, *sure}
        if wanted.given and len(wanted.given[0]) == 1:
            maybe = [(author, name) for author, name in family if wanted.may_be(name)]
            if all(one.may_be(two) for (_, one), (_, two) in combinations(maybe, 2)):
                authors.update(author for author, _ in maybe)
        return frozenset(number for author in authors for number in self._papers[author])


class Labs:
    """Labs of some papers.

    Args:
        papers: the lab of each as its source writes it; ``""``: none.
    """

    def __init__(self, papers: Iterable[str]) -> None:
        self._papers: defaultdict[str, set[int]] = defaultdict(set)
        for number, lab in enumerate(papers):
            for run in _runs([fold(part) for word in _PART.findall(lab) for part in _SEAM.split(word)]):
                self._papers[run].add(number)

    def papers_of(self, written: str) -> frozenset[int]:
        """Return the numbers of the papers of labs whose name holds the written words, as whole words one after the other.

        *DeepMind* is found in *Google DeepMind* and in *Deep Mind*, *MOSS* in *OpenMOSS*; *Intel* not in *Intelligence*.
        """
        return frozenset(self._papers.get("".join(_PART.findall(fold(written))), ()))


def _runs(parts: Sequence[str]) -> set[str]:
    return {"".join(parts[first:last]) for first in range(len(parts)) for last in range(first + 1, len(parts) + 1)}

"""Bring the catalogues in ``templates/locale`` up to date with the words of the code and of the templates.

``make messages`` calls it after a change of a sentence: new messages are added without a translation, those that nothing says
any more are taken out, translations stay. ``--check`` writes nothing and fails where a catalogue is not complete; the suite
calls that.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_file
from babel.messages.pofile import write_po

from newsletter.rendering.words.catalogue import check, placeholders, read_catalogue, texts_of

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "templates"
#: How words are marked in the code; see ``newsletter.rendering.words.catalogue.marked``.
KEYWORDS = {**DEFAULT_KEYWORDS, "marked": None}


def main() -> int:
    """Write the catalogues anew, or check them; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a catalogue is not complete")
    parser.add_argument("--folder", type=Path, default=TEMPLATES / "locale", help="where the catalogues are")
    options = parser.parse_args()
    used, failed = words_in_use(), False
    for path in sorted(options.folder.glob("*.po")):
        text = path.read_text(encoding="utf-8")
        if options.check:
            problems = list(problems_of(path.stem, text, used))
            failed = failed or bool(problems)
            print("\n".join(f"{path.name}: {problem}" for problem in problems) or f"{path.name}: complete")
        else:
            updated = brought_up_to_date(path.stem, text, used)
            missing = sum(not texts_of(message)[1] for message in read_catalogue(path.stem, updated) if message.id)
            path.write_text(updated, encoding="utf-8")
            print(f"{path.name}: {missing} to translate")
    return 1 if failed else 0


def words_in_use() -> Catalog:
    """Return every message that the code or a template says, in the order of the files."""
    catalogue = Catalog()
    code = [(path, "python") for path in sorted((ROOT / "newsletter" / "rendering").rglob("*.py"))]
    templates = [
        (path, "jinja2.ext:babel_extract")
        for path in sorted(TEMPLATES.rglob("*"))
        if path.suffix in {".mjml", ".txt"} and not path.is_relative_to(TEMPLATES / "web")
    ]
    for path, method in code + templates:
        said = extract_from_file(method, path, keywords=KEYWORDS, options={"silent": "false", "newstyle_gettext": "true"})
        for _, message, _, context in said:
            catalogue.add(message, locations=[(path.relative_to(ROOT).as_posix(), 0)], context=context)
    return catalogue


def brought_up_to_date(code: str, text: str, used: Catalog) -> str:
    """Return a catalogue that has all messages in use and no others; its head, to the first empty line, stays as it is."""
    catalogue = read_catalogue(code, text)
    catalogue.update(used, no_fuzzy_matching=True, update_creation_date=False)
    written = io.BytesIO()
    write_po(written, catalogue, width=100, omit_header=True, ignore_obsolete=True, include_lineno=False)
    head = text.partition("\n\n")[0]
    return f"{head}\n\n{written.getvalue().decode().strip()}\n"


def problems_of(code: str, text: str, used: Catalog) -> Iterator[str]:
    """Yield what is wrong with a catalogue, in words."""
    try:
        catalogue = read_catalogue(code, text)
    except ValueError as error:
        yield str(error)
        return
    there = {(message.id, message.context) for message in catalogue if message.id}
    wanted = {(message.id, message.context) for message in used if message.id}
    yield from (f"lacks {message!r}; call make messages" for message, _ in sorted(wanted - there, key=str))
    yield from (f"has {message!r}, which nothing says; call make messages" for message, _ in sorted(there - wanted, key=str))
    for message in catalogue:
        if message.id:
            yield from _problems(message)


def _problems(message: Message) -> Iterator[str]:
    said, translated = texts_of(message)
    what = f"line {message.lineno}: {said[0]!r}"
    if message.fuzzy:
        yield f"{what} is marked as fuzzy"
    if not translated:
        yield f"{what} is not translated"
        return
    try:
        check(message)
    except ValueError as error:
        yield str(error)
    # A plural form that stands for one number only may say it as a word.
    spared = {"count"} if message.pluralizable else set()
    for text in translated:
        if missing := placeholders(said) - placeholders([text]) - spared:
            yield f"{what} has lost %({min(missing)})s in {text!r}"
        if "<" in text or "&" in text:
            yield f"{what} holds markup"


if __name__ == "__main__":
    sys.exit(main())

"""The examples of README and docs/: every fenced block, what stands behind it, and why it is not run, if it is not.

It must never know what runs them; test_docs_examples.py says who does.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<why>.+?) -->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Example:
    """A block of a page."""

    page: str
    line: int
    kind: str
    text: str
    #: Why no test runs it; empty: one does.
    excuse: str
    #: The block is shown as what the one before it prints.
    is_answer: bool

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def commands(self) -> Sequence[Sequence[str]]:
        """The words of each command of a block of `sh`."""
        lines = self.text.replace("\\\n", " ")
        if lines.startswith("curl"):
            return [shlex.split(lines)]
        return [words for line in lines.splitlines() if (words := shlex.split(line, comments=True))]


def examples_of(page: Path) -> Iterator[Example]:
    """Every block of a page, in order."""
    text, behind = page.read_text(encoding="utf-8"), 0
    before = ""
    for found in _BLOCK.finditer(text):
        is_answer = before == "sh" and not text[behind : found.start()].strip()
        line = text.count("\n", 0, found.start("text"))
        kind, why = found["kind"], found["why"] or ""
        yield Example(str(page.relative_to(ROOT)), line, kind, found["text"], why, is_answer)
        before, behind = kind, found.end()


EXAMPLES = [example for page in PAGES for example in examples_of(page)]


def commands_named(name: str) -> list[tuple[Example, Sequence[str]]]:
    """The commands of this name that are to be run, each once."""
    found: dict[tuple[str, ...], tuple[Example, Sequence[str]]] = {}
    for example in EXAMPLES:
        if example.kind == "sh" and not example.excuse:
            for words in example.commands:
                if words[0] == name:
                    found.setdefault(tuple(words), (example, words))
    return list(found.values())

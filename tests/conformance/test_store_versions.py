"""Versions of the configuration on every engine: numbered once, made once, never changed."""

from __future__ import annotations

import msgspec
from store_box import Box

from chappe.engines import versions_of
from chappe.store.versions import Version, Versions

FIRST = Version(1, 5, "the file", "", 0, "read from chappe.toml", "aa", "", "a = 1\n", b'{"a":1}')


def next_of(version: Version, instruction: int, digest: str = "bb") -> Version:
    return msgspec.structs.replace(
        version, number=version.number + 1, instruction=instruction, digest=digest, before=version.digest
    )


def versions_in(box: Box) -> Versions:
    return versions_of(box.store)


def test_before_the_first_there_is_none(box: Box) -> None:
    versions = versions_in(box)

    assert box.run(versions.newest()) is None
    assert box.run(versions.newest_number()) == 0
    assert box.run(versions.file_of("box1")) == ""


def test_a_version_is_there_after_a_death_as_it_was_written(box: Box) -> None:
    odd = msgspec.structs.replace(FIRST, author="\0'; -- é\U0001f600", toml="".join(map(chr, range(1, 256))))
    assert box.run(versions_in(box).add(odd, "box1"))
    box.restart()

    assert box.run(versions_in(box).newest()) == odd
    assert box.run(versions_in(box).file_of("box1")) == odd.digest
    assert box.run(versions_in(box).knows(odd.digest))


def test_a_number_is_given_once(box: Box) -> None:
    versions = versions_in(box)
    assert box.run(versions.add(FIRST, "box1"))

    other = msgspec.structs.replace(FIRST, digest="cc")

    assert not box.run(versions.add(other, "box2"))
    assert box.run(versions.newest()) == FIRST
    assert box.run(versions.file_of("box2")) == ""


def test_an_instruction_makes_one_version(box: Box) -> None:
    versions = versions_in(box)
    second = next_of(FIRST, 4711)
    box.run(versions.add(FIRST))
    assert box.run(versions.add(second))

    assert not box.run(versions.add(next_of(second, 4711, "cc")))
    assert box.run(versions.made_by(4711)) == second
    assert box.run(versions.made_by(4712)) is None
    assert box.run(versions.newest_number()) == 2


def test_versions_are_listed_youngest_first(box: Box) -> None:
    versions, made = versions_in(box), [FIRST]
    for instruction in range(1, 4):
        made.append(next_of(made[-1], instruction, f"d{instruction}"))
    for each in made:
        box.run(versions.add(each))

    assert box.run(versions.versions(3)) == made[:0:-1]
    assert box.run(versions.version(2)) == made[1]


def test_a_file_that_says_what_is_known_is_noted_for_its_box(box: Box) -> None:
    versions = versions_in(box)
    box.run(versions.add(FIRST, "box1"))

    box.run(versions.note_file("box2", "aa"))
    box.run(versions.note_file("box2", "bb"))

    assert (box.run(versions.file_of("box1")), box.run(versions.file_of("box2"))) == ("aa", "bb")

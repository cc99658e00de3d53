"""What is released: an sdist, and the wheel that is built out of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from safews import __version__
from tests import release
from tests.installed import ROOT
from tests.loading import load

METADATA = f"safews-{__version__}.dist-info/METADATA"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return release.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def sources(built: tuple[Path, Path]) -> set[str]:
    return release.contents_of_sdist(built[0])


@pytest.fixture
def contents(built: tuple[Path, Path]) -> dict[str, str]:
    return release.contents_of_wheel(built[1])


def test_nothing_is_wrong(sources: set[str], contents: dict[str, str]) -> None:
    assert list(release.problems_of_sdist(sources)) == []
    assert list(release.problems_of_wheel(contents)) == []


@pytest.mark.parametrize("name", sorted(release.HOOK))
def test_a_wheel_without_its_start_up_hook(contents: dict[str, str], name: str) -> None:
    del contents[name]
    assert list(release.problems_of_wheel(contents)) == [f"the wheel has no {name}"]


@pytest.mark.parametrize("name", ["safews/py.typed", "safews/_state.py", "safews/_codecs/wsproto.py"])
def test_a_wheel_without_a_part_of_the_package(contents: dict[str, str], name: str) -> None:
    del contents[name]
    assert list(release.problems_of_wheel(contents)) == [f"the wheel has no {name}"]


def test_a_wheel_with_too_much(contents: dict[str, str]) -> None:
    found = list(release.problems_of_wheel({**contents, "tests/x.py": "", "safews/_startup/safews_names.py": ""}))
    assert found == [
        "the wheel has tests/x.py beside the package",
        "the wheel has safews/_startup/safews_names.py, which is for the sdist",
    ]


def test_a_wheel_with_another_licence(contents: dict[str, str]) -> None:
    contents[METADATA.replace("METADATA", "licenses/docs/LICENSE")] = "none"
    contents[METADATA] = contents[METADATA].replace("BSD-3-Clause", "MIT")
    assert list(release.problems_of_wheel(contents)) == [
        "the wheel has another licence, or none",
        "the metadata has the licence MIT",
    ]


def test_a_wheel_of_another_version(contents: dict[str, str]) -> None:
    contents[METADATA] = contents[METADATA].replace(f"\nVersion: {__version__}", "\nVersion: 99.0")
    assert list(release.problems_of_wheel(contents)) == ["the metadata is of version 99.0"]


def test_a_readme_with_a_relative_link(contents: dict[str, str]) -> None:
    contents[METADATA] += "\n[there](docs/index.md) [here](#here) [out](https://example.org)\n"
    assert list(release.problems_of_wheel(contents)) == ["the README has a relative link: docs/index.md"]


def test_an_sdist_that_lacks_or_has_too_much(sources: set[str]) -> None:
    found = list(release.problems_of_sdist((sources - {"README.md"}) | {"secret.env", "tests/__pycache__/x.pyc"}))
    assert found == ["the sdist has no README.md", "the sdist has secret.env", "the sdist has tests/__pycache__/x.pyc"]


@pytest.mark.parametrize(("head", "fine"), [("2026-11-26", True), ("unreleased", False)])
def test_the_changelog_of_a_release_has_a_date(head: str, fine: bool) -> None:
    text = f"# Changes\n\n## {__version__}, {head}\n\n## 0.0.1, 2020-01-01\n"
    assert (list(release.problems_of_changelog(text)) == []) is fine


def test_a_changelog_without_a_version() -> None:
    assert len(list(release.problems_of_changelog("# Changes\n"))) == 1


class TestReadme:
    TEXT = "[a](docs/a.md#b), [c](#c), [d](https://example.org/d)"

    @pytest.mark.parametrize(
        ("source", "shown"),
        [
            ("https://e.org/x/", "[a](https://e.org/x/blob/main/docs/a.md#b), [c](#c), [d](https://example.org/d)"),
            (None, "a, [c](#c), [d](https://example.org/d)"),
        ],
    )
    def test_relative_links_do_not_stay(self, source: str | None, shown: str) -> None:
        assert load(ROOT / ".ci" / "readme_hook.py").shown(self.TEXT, source) == shown

    def test_all_of_it_is_there(self, contents: dict[str, str]) -> None:
        links = re.compile(r"\[([^]]+)\]\([^)]+\)")
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        assert links.sub(r"\1", contents[METADATA]).endswith(links.sub(r"\1", readme))

"""The pages that docs/build.py makes, and the diagram among them."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from safews._options import Options
from safews._state import CLOSED, CONNECTING, OPEN, TABLE, Input, State
from tests.loading import load

DOCS = Path(__file__).parent.parent / "docs"
SVG = "{http://www.w3.org/2000/svg}"
LETTER_WIDTH, LETTER_HEIGHT = 7.3, 12


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """docs/build.py, which is no module of the package."""
    return load(DOCS / "build.py")


@pytest.fixture(scope="module")
def svg(build: ModuleType) -> ET.Element:
    return ET.fromstring(build.diagram())


class Area(NamedTuple):
    """What an element covers."""

    what: str
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Area) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


def labels(svg: ET.Element) -> list[Area]:
    areas = []
    for element in svg.iter(f"{SVG}text"):
        if element.get("class") == "name":
            continue
        text = element.text or ""
        x, y, width = float(element.attrib["x"]), float(element.attrib["y"]), len(text) * LETTER_WIDTH
        left = {"start": x, "middle": x - width / 2, "end": x - width}[element.attrib["text-anchor"]]
        areas.append(Area(text, left, y - LETTER_HEIGHT + 3, left + width, y + 3))
    return areas


def boxes(svg: ET.Element) -> list[Area]:
    areas = []
    for element in svg.iter(f"{SVG}rect"):
        if "box" in element.attrib["class"].split():
            x, y, width, height = (float(element.attrib[key]) for key in ("x", "y", "width", "height"))
            areas.append(Area("box", x, y, x + width, y + height))
    return areas


def ways(svg: ET.Element) -> list[Area]:
    areas = []
    for element in svg.iter(f"{SVG}path"):
        if element.attrib["class"].split()[0] == "way":
            x, y, direction, end = re.findall(r"[MHV]?([\d.]+) ([\d.]+)([HV])([\d.]+)", element.attrib["d"])[0]
            to_x, to_y = (float(end), float(y)) if direction == "H" else (float(x), float(end))
            left, right = sorted((float(x), to_x))
            top, bottom = sorted((float(y), to_y))
            areas.append(Area(element.attrib["d"], left, top, right, bottom))
    return areas


class TestCommand:
    def test_the_pages_are_written(self, build: ModuleType, tmp_path: Path) -> None:
        assert build.main([], tmp_path) == 0
        assert {path.name for path in tmp_path.iterdir()} == {*build.pages()}
        assert build.pages().keys() >= {"api.md", "mutants.md", "options.md", "states.md", "states.svg"}

    def test_what_was_written_is_up_to_date(
        self, build: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        build.main([], tmp_path)
        assert build.main(["--check"], tmp_path) == 0
        assert capsys.readouterr().out == ""

    def test_each_page_that_differs_is_named(
        self, build: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        build.main([], tmp_path)
        (tmp_path / "states.md").write_text("old")
        (tmp_path / "options.md").unlink()
        assert build.main(["--check"], tmp_path) == 1
        named = [Path(line.split()[0]).name for line in capsys.readouterr().out.splitlines()]
        assert named == ["options.md", "states.md"]
        assert (tmp_path / "states.md").read_text() == "old"

    def test_the_committed_pages_are_up_to_date(self, build: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
        assert build.main(["--check"]) == 0, capsys.readouterr().out


class TestOptions:
    def test_every_option_has_a_row(self, build: ModuleType) -> None:
        assert [row.name for row in build.option_rows()] == [f"`{name}`" for name in Options.__dataclass_fields__]

    def test_a_row_says_all_there_is(self, build: ModuleType) -> None:
        (row,) = (row for row in build.option_rows() if row.name == "`write_timeout`")
        assert row[1:5] == ("30", "seconds", "more than 0; or off", "`SAFEWS_WRITE_TIMEOUT`")
        assert row.meaning.startswith("Seconds that the peer may take none of our output")

    @pytest.mark.parametrize(
        ("name", "default"),
        [("accept_timeout", "off"), ("fast_lane", "on"), ("after_disconnect", "`raise`"), ("shutdown_code", "1012")],
    )
    def test_defaults(self, build: ModuleType, name: str, default: str) -> None:
        assert [row.default for row in build.option_rows() if row.name == f"`{name}`"] == [default]

    def test_a_switch_that_is_off(self, build: ModuleType) -> None:
        assert build._shown(False) == "off"

    def test_a_rule_without_words_is_an_error(self, build: ModuleType) -> None:
        with pytest.raises(TypeError, match="no words"):
            build._values(object())


class TestStates:
    def test_every_cell_of_the_table_is_right(self, build: ModuleType) -> None:
        rows = [line.strip("| ").split("|") for line in build.states_page().splitlines() if line.startswith("| `")]
        cells = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}
        assert list(cells) == [f"`{input.name}`" for input in Input]
        for input in Input:
            for state, cell in itertools.zip_longest(State, cells[f"`{input.name}`"], fillvalue=""):
                assert isinstance(state, State)
                target = TABLE.get((state, input))
                assert cell == ("" if target is None else "stays" if target is state else target.name)

    def test_the_prose_names_every_state(self, build: ModuleType) -> None:
        assert re.findall(r"^- \*\*(\w+)\*\*: ", build.states_page(), flags=re.MULTILINE) == [
            "CONNECTING",
            "OPEN",
            "ENDING",
            "DRAINING",
            "CLOSED",
            "CLOSING",
            "DENYING",
        ]


class TestDiagram:
    def test_every_state_has_its_box(self, svg: ET.Element) -> None:
        names = [element.text for element in svg.iter(f"{SVG}text") if element.get("class") == "name"]
        assert names == [state.name for state in State]
        assert len(boxes(svg)) == len(State)

    def test_every_move_has_its_label(self, svg: ET.Element) -> None:
        moves = [input.name for (source, input), target in TABLE.items() if source is not target]
        assert sorted(label.what for label in labels(svg)) == sorted(moves)

    def test_every_way_is_drawn_once(self, svg: ET.Element) -> None:
        assert len(ways(svg)) == len(
            {(source, target) for (source, _), target in TABLE.items() if source is not target}
        )

    def test_no_label_meets_another(self, svg: ET.Element) -> None:
        met = [(one.what, other.what) for one, other in itertools.combinations(labels(svg), 2) if one.meets(other)]
        assert met == []

    def test_no_label_meets_a_box_or_a_way(self, svg: ET.Element) -> None:
        others = boxes(svg) + ways(svg)
        assert [(one.what, other) for one in labels(svg) for other in others if one.meets(other)] == []

    def test_everything_is_inside(self, svg: ET.Element) -> None:
        width, height = map(float, svg.attrib["viewBox"].split()[2:])
        page = Area("page", 8, 8, width - 8, height - 8)
        for area in labels(svg) + boxes(svg):
            assert page.left <= area.left < area.right <= page.right, area
            assert page.top <= area.top < area.bottom <= page.bottom, area

    def test_a_way_without_a_place_is_an_error(self, build: ModuleType) -> None:
        with pytest.raises(ValueError, match="from CLOSED to OPEN"):
            build.diagram({**TABLE, (CLOSED, Input.APP_ACCEPT): OPEN})

    def test_it_is_the_same_every_time(self, build: ModuleType) -> None:
        assert build.diagram() == build.diagram({**TABLE, (CONNECTING, Input.APP_ACCEPT): OPEN})

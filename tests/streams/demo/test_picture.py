from streams.demo.picture import Frame, Reading, bar, chart, lowest

FRAME = Frame(width=10, height=5, start_ms=0, end_ms=100, bottom=0.5, top=1.0)


def reading(end_ms, ratio, low=None, high=None):
    return Reading(end_ms, ratio, low or ratio, high or ratio, 70.0, 100.0)


def drawn(readings):
    return ["".join(mark.glyph for mark in row) for row in chart(readings, 0.75, FRAME)]


def test_an_empty_chart_is_the_bound():
    assert drawn([]) == [" " * 10, " " * 10, "╌" * 10, " " * 10, " " * 10]


def test_a_reading_is_a_dot_on_its_interval():
    rows = drawn([reading(35, 0.95, 0.85, 0.99)])  # column 3; rows of a tenth from the top: .95 in row 0, .85 in row 1
    assert rows[0][3] == "●" and rows[1][3] == "│" and rows[2] == "╌" * 10


def test_the_kind_says_on_which_side_of_the_bound():
    rows = chart([reading(5, 0.85), reading(15, 0.65)], 0.75, FRAME)
    assert (rows[1][0].kind, rows[3][1].kind) == ("inside", "beyond")


def test_the_newest_reading_of_a_column_stands():
    rows = drawn([reading(31, 0.95), reading(39, 0.55)])
    assert [row[3] for row in rows] == [" ", " ", "╌", " ", "●"]


def test_values_outside_go_to_the_edge():
    assert drawn([reading(500, 3.0)])[0][9] == "●"


def test_the_lowest_of_each_column():
    assert lowest([reading(31, 0.9), reading(39, 0.6), reading(40, 0.7), reading(95, 0.8)], FRAME) == [
        reading(39, 0.6),
        reading(95, 0.8),
    ]
    assert lowest([], FRAME) == []


def test_bar():
    assert bar(50, 4, 100) == "██"
    assert bar(56.25, 2, 100) == "█▏"  # 9 eighths
    assert bar(500, 2, 100) == "██"

"""The report in sections: it wraps, collects problems and goes on."""

from mer_utils.audit.report import WIDTH, CheckReport, Writer
from mer_utils.data.csv_tables import DataError


def test_text_fits_whatever_it_says():
    out = Writer()
    out.title("Check of " + "/a/long/folder" * 8, "=")
    out.say("many words " * 30)
    out.row("a label", "annotations/" * 12)
    assert WIDTH < 80 and max(map(len, out.lines)) <= WIDTH
    assert set(out.lines[2]) == {"="} and len(out.lines[2]) == len(out.lines[0])
    said = "".join(line.strip() for line in out.lines)
    assert "annotations/" * 12 in said


def test_a_failing_section_does_not_end_the_report():
    out = Writer(lambda text: text.replace("/data/", ""))
    with out.section("First"):
        raise DataError(["/data/a.csv: bad", "/data/b.csv: bad"])
    with out.section("Second"):
        raise ValueError("/data/a.csv: bad")
    with out.section("Third"):
        out.say("good")
    assert out.problems == ["a.csv: bad", "b.csv: bad"]  # each once, without the folder
    text = "\n".join(out.lines)
    assert "2 error(s) here, listed at the end." in text
    assert "Not possible because of the errors above." in text and "  good" in text
    report = CheckReport(tuple(out.lines), tuple(out.problems))
    assert report.errors == 2 and str(report) == text

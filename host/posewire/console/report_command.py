"""Show a report that a program's monitor has saved, as text or as a page; or compare two.

examples:
  posewire report today.json
  posewire report today.json --html today.html
  posewire report today.json --compare yesterday.json
"""

import argparse
from pathlib import Path

from posewire.errors import ConfigError
from posewire.measure.report import as_text, compare, comparison_as_text, load_report
from posewire.measure.report_page import as_html
from posewire.terminal import show, show_json, show_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire report``."""
    parser.add_argument("file", type=Path, metavar="FILE", help="report that Report.save wrote")
    parser.add_argument(
        "--compare", type=Path, metavar="BEFORE", help="show what is better or worse than in this earlier report"
    )
    parser.add_argument("--html", type=Path, metavar="PAGE", help="write a page with plots instead")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Show the report; 1 where a comparison has found something worse."""
    report = load_report(args.file)
    if args.html is not None:
        try:
            args.html.write_text(as_html(report), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{args.html} cannot be written: {error.strerror or error}") from None
        if args.json:
            show_json({"page": str(args.html)})
        else:
            show(f"{args.html} is written")
        return 0
    if args.compare is None:
        if args.json:
            show_json(report.as_dict())
        else:
            show_text(as_text(report))
        return 0
    before = load_report(args.compare)
    changes = compare(before, report)
    if args.json:
        show_json(
            [
                {"name": c.name, "before": c.before.as_dict(), "after": c.after.as_dict(), "verdict": c.verdict}
                for c in changes
            ]
        )
    else:
        show_text(comparison_as_text(before, report))
    return int(any(change.verdict == "worse" for change in changes))

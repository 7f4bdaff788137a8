"""`model-check prove`: what it says, writes and returns, with z3 and without."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser import accessibility_findings, open_tab
from patience import PATIENCE_S, PROGRAM_S
from quorate_check.cli import prove
from quorate_check.cli.app import main
from quorate_check.cli.output import Output

needs_z3 = pytest.mark.skipif(not prove.has_z3(), reason="z3 is an extra: pip install 'quorate[proofs]'")


@needs_z3
def test_the_report_has_every_claim_with_its_answer_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    """As text and as JSON; controls show their counterexamples."""
    assert main(["prove", "--only", "quorums"]) == 0
    text = capsys.readouterr().out
    assert "Two majorities share a server." in text
    assert "n // 2 servers share one." in text
    assert "B = {" in text
    assert main(["prove", "--only", "quorums", "--json", "-"]) == 0
    report = json.loads(capsys.readouterr().out)
    (quorums,) = report["subjects"]
    assert report["verdict"] == quorums["verdict"] == "holds"
    assert {o["verdict"] for o in quorums["obligations"]} == {"holds", "violated"}
    assert all(o["verdict"] == o["expected"] for o in (*quorums["obligations"], *quorums["ties"]))
    assert all(o["seconds"] >= 0 for o in quorums["obligations"])


@needs_z3
def test_the_page_has_every_counterexample(tmp_path: Path) -> None:
    """Each control's, folded, and the conclusion; it loads nothing."""
    file = tmp_path / "proofs.html"
    assert main(["prove", "--only", "generals", "--html", str(file)]) == 0
    with open_tab() as tab:
        tab.page.goto(file.as_uri())
        expect(tab.page.locator("header p.good")).to_have_text(re.compile("^holds: "))
        controls = tab.page.locator("tr", has_text=re.compile("^refuted"))
        texts = controls.locator("details pre").all_text_contents()
        assert len(texts) == controls.count() > 0
        assert all(texts)
        assert tab.errors == []
        assert accessibility_findings(tab.page) == []
        assert tab.requests == [file.as_uri()]


@needs_z3
def test_what_takes_longer_than_the_limit_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    """A tie can't compare a thousand sizes in ten milliseconds."""
    assert main(["prove", "--only", "quorums", "--limit", "0.001", "--json", "-"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "unknown"
    assert report["conclusion"].startswith("unknown: no answer in time: ")
    assert report["subjects"][0]["ties"][0]["verdict"] == "unknown"


@needs_z3
def test_an_interrupt_ends_the_proofs_with_what_is_known() -> None:
    """Status 3, and no claim about what wasn't done."""
    command = [sys.executable, "-c", "from quorate_check.cli import main; raise SystemExit(main())", "prove"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert "prove: " in first
    assert process.returncode == 3
    assert "unknown: interrupted: " in out
    assert "Traceback" not in err


def test_without_z3_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2; and the default check says that it hasn't proved anything."""
    monkeypatch.setattr(prove, "has_z3", lambda: False)
    assert main(["prove"]) == 2
    assert capsys.readouterr().err == "model-check: z3 is missing: pip install 'quorate[proofs]'\n"
    row = prove.quick_proofs(Output.to(None))
    assert row.verdict is None
    assert row.answer.startswith("not run: ")


def test_everything_but_the_proofs_works_without_z3() -> None:
    """Importing the command imports no z3."""
    script = "import sys; import quorate_check.cli.app; sys.exit('z3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=PROGRAM_S, check=False).returncode == 0

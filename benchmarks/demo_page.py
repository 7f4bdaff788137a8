"""The page of `quorate demo --web`: how soon one can kill the leader on it, and how much memory a long run takes.

    .venv/bin/python benchmarks/demo_page.py [--minutes 5] [--protocol bft] [--picture docs/demo.png]

It runs the demo and a browser without a window (Chromium), and writes up to 20 values a second beside the demo's own
clients. `--picture` writes what one sees after ten seconds, and ends.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import redis
from playwright.sync_api import CDPSession, Page, expect, sync_playwright

QUORATE = Path(sys.executable).parent / "quorate"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
PORT = 7001
WRITES_PER_S = 20
MIB = 1 << 20
expect.set_options(timeout=60_000)


def resident(pid: int) -> float:
    """The memory of a process, in MiB."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    match = re.search(r"VmRSS:\s+(\d+) kB", text)
    assert match is not None
    return int(match[1]) / 1024


def checker_of(pid: int) -> int:
    """The process that judges the traces of a demo."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return next(child for child, command in commands.items() if b"--follow" in command)


def heap(session: CDPSession) -> float:
    """The memory that the page's script uses after a collection, in MiB."""
    session.send("HeapProfiler.collectGarbage")
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "JSHeapUsedSize")) / MIB


def leader_of(page: Page) -> str:
    """Wait until a node leads, and return its number."""
    summary = page.locator("#summary")
    expect(summary).to_have_text(re.compile(r"Node \d+ leads"))
    match = re.search(r"Node (\d+)", summary.inner_text())
    assert match is not None
    return match[1]


def kill_the_leader(page: Page, begin: float) -> None:
    """Press the button, and print how long it took from the command to there, and to the next leader."""
    leader = leader_of(page)
    page.get_by_role("button", name=f"Kill -9 node {leader}").click()
    print(f"the leader is killed {time.monotonic() - begin:.1f} s after the command")
    killed = time.monotonic()
    expect(page.locator("#summary")).not_to_have_text(re.compile(rf"Node {leader} leads|No node"))
    print(f"another leads {time.monotonic() - killed:.1f} s later")
    page.get_by_role("button", name=f"Start again node {leader}").click()


def write_for(seconds: float) -> None:
    """Write with the rate above; a write may fail when a leader is lost."""
    end = time.monotonic() + seconds
    with redis.Redis(port=PORT) as client:
        while time.monotonic() < end:
            with suppress(redis.RedisError):
                client.set("load", time.time_ns())
            time.sleep(1 / WRITES_PER_S)


def watch_for(minutes: int, page: Page, session: CDPSession, demo: int) -> None:
    """Print the memory after each minute."""
    print("minute  page MiB  demo MiB  checker MiB  steps")
    for minute in range(1, minutes + 1):
        write_for(60)
        steps = page.locator("#verdict").inner_text().split()[0]
        sizes = f"{heap(session):8.1f}  {resident(demo):8.1f}  {resident(checker_of(demo)):11.1f}"
        print(f"{minute:6}  {sizes}  {steps}", flush=True)


def main() -> None:
    """Run the demo and a browser."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=5)
    parser.add_argument("--protocol", choices=["raft", "bft"], default="raft")
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    begin = time.monotonic()
    command = [str(QUORATE), "demo", "--protocol", options.protocol, "--web", "--no-open", "--port", str(PORT)]
    with (
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as demo,  # noqa: S603
        sync_playwright() as playwright,
    ):
        try:
            assert demo.stdout is not None
            address = next(match[1] for line in demo.stdout if (match := re.search(r"The page is at (\S+)", line)))
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(address)
            if options.picture is not None:
                write_for(10)
                page.screenshot(path=options.picture)
                return
            kill_the_leader(page, begin)
            session = page.context.new_cdp_session(page)
            session.send("Performance.enable")
            watch_for(options.minutes, page, session, demo.pid)
        finally:
            demo.terminate()


if __name__ == "__main__":
    main()

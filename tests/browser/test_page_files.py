"""The page's files by themselves: a text in every language, a licence of every library."""

import re

from riscv.machine import ROOT

WEB = ROOT / "host/posewire/web"
OF_THE_HOST = {
    *("answered", "nothing heard", "not understood", "no answer", "interrupted", "failed"),
    *("spoken", "expired", "displaced", "stopped", "no voice"),
    *("idle", "listening", "thinking", "speaking"),
    *("firing", "resolved", "owner", "member", "watcher", "pose", "audio", "motion", "full"),
}
"""Words that stand in the host's answers, and are shown in the person's language."""


def test_every_text_is_there_in_every_language() -> None:
    sources = [file for file in (WEB / "page").rglob("*.js") if file.parent.name != "text"]
    used = {
        text.encode().decode("unicode_escape").encode("latin-1").decode()
        for source in sources
        for text in re.findall(r'\bt\(\s*"((?:[^"\\]|\\.)*)"', source.read_text())
    }
    for file in (WEB / "page/text").glob("*.js"):
        texts = dict(re.findall(r'^  "((?:[^"\\]|\\.)*)": "((?:[^"\\]|\\.)*)",$', file.read_text(), re.MULTILINE))
        assert sorted((used | OF_THE_HOST) - texts.keys()) == []
        assert sorted(texts.keys() - used - OF_THE_HOST) == []
        for english, text in texts.items():
            assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", text)), english


def test_vendored_libraries_name_their_licences() -> None:
    folder = WEB / "vendor"
    licences = {file.name.partition(".")[0] for file in folder.glob("*.LICENSE.txt")}
    assert licences == {"uplot", "htm", "preact", "esptool", "esptool-parts"}
    listed = (folder / "README.txt").read_text()
    for file in folder.glob("*.[jc]s*"):
        assert file.name in listed

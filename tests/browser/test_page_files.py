"""The page's files by themselves: a text in every language, a licence of every library."""

import ast
import re

from posewire.host_problems import NO_HOST, TLS, UNTRUSTED
from posewire.server.http.app import HTTP_CODES
from posewire.server.http.errors import STATUS
from posewire.server.monitoring.alerts import every_rule
from posewire.server.monitoring.settings import AlertSettings
from riscv.machine import ROOT

WEB = ROOT / "host/posewire/web"
OF_THE_HOST = {
    *("answered", "nothing heard", "not understood", "no answer", "interrupted", "failed"),
    *("spoken", "expired", "displaced", "stopped", "no voice"),
    *("idle", "listening", "thinking", "speaking"),
    *("firing", "resolved", "owner", "member", "watcher", "pose", "audio", "motion", "full"),
}
"""Words that stand in the host's answers, and are shown in the person's language."""


_CODE = re.compile(r"[a-z][a-z_]+")
_TELLS = re.compile(r"(Error|_Refused|error_response|_fail)$")
_CHOICE = re.compile(r'true or false|one of .*|("[^"]*"|\d+)((, | or )("[^"]*"|\d+))+')
_RANGE = re.compile(r"[\d.]+\.\.[\d.]+")


def error_codes() -> set[str]:
    """All codes of errors in the host and on a board: those of the classes, and those that an error is given."""
    codes = {NO_HOST, TLS, UNTRUSTED, *STATUS, *HTTP_CODES.values(), "rolled_back"}
    for file in [*(ROOT / "host/posewire").rglob("*.py"), *(ROOT / "firmware/posewire_fw").glob("*update*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
                given = [each.value for each in node.body if isinstance(each, ast.Assign) and _names(each) == ["code"]]
            elif isinstance(node, ast.Call) and re.search(
                r"(Error|_Refused|error_response|_fail)$", ast.unparse(node.func)
            ):
                # On a board the code comes first, here the words do.
                given = node.args[:1] if "firmware" in file.parts else node.args[1:]
                given = [*given, *(keyword.value for keyword in node.keywords if keyword.arg == "code")]
            else:
                continue
            texts = [each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            codes |= {text for text in texts if _CODE.fullmatch(text)}
    return codes


def _names(assigned: ast.Assign) -> list[str]:
    return [target.id for target in assigned.targets if isinstance(target, ast.Name)]


def told_settings() -> dict[str, str]:
    """The settings that a board tells, and what each must be where that is said in words and not by a choice."""
    tree = ast.parse((ROOT / "firmware/posewire_fw/config.py").read_text())
    (rows,) = [node.value for node in tree.body if isinstance(node, ast.Assign) and _names(node) == ["SETTINGS"]]
    assert isinstance(rows, ast.Tuple)
    told = {}
    for row in rows.elts:
        assert isinstance(row, ast.Tuple)
        section, name, _, _, meaning = row.elts
        words = ast.literal_eval(meaning) if isinstance(meaning, ast.Constant) else "one of …"
        told[".".join(filter(None, map(ast.literal_eval, (section, name))))] = words
    return {name: words for name, words in told.items() if name not in ("host.token", "wifi", "client_id")}


def test_every_text_is_there_in_every_language() -> None:
    sources = [file for file in (WEB / "page").rglob("*.js") if file.parent.name != "text"]
    used = {
        text.encode().decode("unicode_escape").encode("latin-1").decode()
        for source in [*sources, WEB / "page/text.js"]
        for text in re.findall(r'\bt\(\s*"((?:[^"\\]|\\.)*)"', source.read_text())
    }
    meanings = {each for each in told_settings().values() if not (_CHOICE.fullmatch(each) or _RANGE.fullmatch(each))}
    causes = set(re.findall(r'_RESET: "(.+)"', (ROOT / "firmware/posewire_fw/crash.py").read_text())) | {"unknown"}
    assert len(meanings) > 5
    assert len(causes) > 4
    wanted = used | OF_THE_HOST | meanings | causes | {f"error {code}" for code in error_codes()}
    for file in (WEB / "page/text").glob("*.js"):
        found = re.findall(r'^  "((?:[^"\\]|\\.)*)": "((?:[^"\\]|\\.)*)",$', file.read_text(), re.MULTILINE)
        texts = {english.replace('\\"', '"'): text for english, text in found}
        assert len(found) == len(texts) == file.read_text().count("\n") - 3, (
            "a text stands there twice, or in no line of its own"
        )
        assert sorted(wanted - texts.keys()) == []
        assert sorted(texts.keys() - wanted) == []
        for english, text in texts.items():
            assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", text)), english


def test_every_alert_and_every_setting_of_a_board_has_its_words() -> None:
    """What the host or a board names, the page explains: cause and advice, or what a setting is."""
    alerts = (WEB / "page/views/health/alerts.js").read_text()
    assert set(re.findall(r"^  (\w+): \{$", alerts, re.MULTILINE)) == {
        rule.name for rule in every_rule(AlertSettings())
    }
    names = (WEB / "page/views/devices/setting_names.js").read_text()
    explained = {quoted or bare for quoted, bare in re.findall(r'^  (?:"(.+)"|(\w+)): \(\) =>', names, re.MULTILINE)}
    assert explained == set(told_settings())


def test_vendored_libraries_name_their_licences() -> None:
    folder = WEB / "vendor"
    licences = {file.name.partition(".")[0] for file in folder.glob("*.LICENSE.txt")}
    assert licences == {"uplot", "htm", "preact", "esptool", "esptool-parts"}
    listed = (folder / "README.txt").read_text()
    for file in folder.glob("*.[jc]s*"):
        assert file.name in listed

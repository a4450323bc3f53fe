"""Settings: defaults, validation with clear words, files that are missing or broken."""

import json
import os

from posewire_fw import config, files


def in_folder(text, function):
    """Call function(path) with a config file of that text (None: no file), and clean up."""
    path = "posewire-test-config.json"
    for name in (path, path + ".new"):
        try:
            os.remove(name)
        except OSError:
            pass
    if text is not None:
        with open(path, "w") as file:
            file.write(text)
    try:
        return function(path)
    finally:
        try:
            os.remove(path)
        except OSError:
            pass


def messages(errors):
    return [str(error) for error in errors]


def test_defaults_are_valid_themselves():
    settings, errors = config.read(config.defaults())
    assert errors == []
    assert settings == config.defaults()
    assert settings["audio"] == {"format": "auto", "opus_bitrate": 24000, "volume": 70, "gain": 4, "frame_ms": 60}


def test_settings_are_taken_over_the_defaults():
    settings, errors = config.read({"host": {"url": "wss://x/", "ca": "ca.der"}, "audio": {"volume": 0}, "protocol": 1})
    assert errors == []
    assert settings["host"] == {"url": "wss://x/", "ca": "ca.der", "token": "", "activation": None, "silence": 15}
    assert settings["audio"]["volume"] == 0
    assert settings["audio"]["gain"] == 4
    assert settings["protocol"] == 1


def test_a_bad_setting_is_named_and_its_default_used():
    settings, errors = config.read({"audio": {"volume": "loud", "gain": 3}})
    assert messages(errors) == ['config: audio.volume must be 0..100, is "loud"']
    assert settings["audio"]["volume"] == 70
    assert settings["audio"]["gain"] == 3


def test_each_kind_of_bad_value():
    for section, name, value in (
        ("host", "url", "http://x"),
        ("host", "token", None),
        (None, "protocol", 4),
        (None, "protocol", True),
        ("audio", "volume", 101),
        ("audio", "volume", True),
        ("audio", "volume", 50.5),
        ("audio", "format", "mp3"),
        ("audio", "opus_bitrate", 6000),
        ("audio", "frame_ms", 30),
        ("listen", "mode", "manual"),
        ("pose", "room", ""),
        ("pose", "keypoints", 1),
        ("pose", "imu_hz", 0),
        ("pose", "smooth", True),
        ("pose", "smooth", 0),
        ("pose", "smooth", 20.5),
        ("pose", "smooth_beta", -1),
        (None, "wifi", [{"password": "x"}]),
        (None, "wifi", {"ssid": "x"}),
    ):
        data = {name: value} if section is None else {section: {name: value}}
        settings, errors = config.read(data)
        assert len(errors) == 1, (section, name, value)
        assert name in str(errors[0])
        assert settings == config.defaults()


def test_unknown_settings_are_reported():
    _, errors = config.read({"audio": {"volum": 5}, "colour": "red", "host": "ws://x"})
    assert sorted(messages(errors)) == [
        'config: host must be an object, is "ws://x"',
        "config: unknown setting audio.volum",
        "config: unknown setting colour",
    ]


def test_a_missing_or_broken_file_gives_the_defaults():
    for text in (None, "", "{", "[1, 2", "nonsense", '{"audio": {"volume": 5', '{"audio": {"volume": @}}'):
        settings, errors = in_folder(text, config.load)
        assert settings == config.defaults()
        assert len(errors) == 1
    settings, errors = in_folder("[]", config.load)
    assert settings == config.defaults()
    assert messages(errors) == ["config: must be a JSON object"]


def with_good_copy(text, function):
    """The same with a copy of settings that last worked in the folder."""
    with open(files.GOOD_CONFIG, "w") as file:
        file.write('{"audio": {"volume": 5}, "pose": {"room": "studio"}}')
    try:
        return in_folder(text, function)
    finally:
        os.remove(files.GOOD_CONFIG)


def test_a_broken_file_gives_what_last_worked():
    settings, errors = with_good_copy('{"audio": {"vol', config.load)
    assert (settings["audio"]["volume"], settings["pose"]["room"]) == (5, "studio")
    assert messages(errors) == [
        "config: posewire-test-config.json is not JSON, using the settings that last worked",
    ]
    # A file that is not there has been taken away on purpose; one that can be read says what it says.
    assert with_good_copy(None, config.load)[0] == config.defaults()
    assert with_good_copy('{"audio": {"volume": 6}}', config.load)[0]["audio"]["volume"] == 6


def test_a_repair_goes_on_from_what_last_worked():
    def check(path):
        assert config.save_value("host.url", "ws://x/", path, repair=True)
        os.remove(path + ".bad")
        with open(path) as file:
            return json.load(file)

    assert with_good_copy("{", check) == {
        "audio": {"volume": 5},
        "pose": {"room": "studio"},
        "host": {"url": "ws://x/"},
    }
    assert in_folder("{", check) == {"host": {"url": "ws://x/"}}


def test_a_copy_is_written_only_when_it_differs():
    def check(path):
        assert files.copy_file(path, path + ".copy")
        stamp = os.stat(path + ".copy")[8]
        with open(path + ".copy") as file:
            assert file.read() == "{1}"
        assert files.copy_file(path, path + ".copy")
        assert os.stat(path + ".copy")[8] == stamp
        os.remove(path + ".copy")
        assert not files.copy_file("nothing.json", "nothing.copy")

    in_folder("{1}", check)


def test_save_value_leaves_the_rest_alone():
    def check(path):
        assert config.save_value("client_id", "abc", path)
        with open(path) as file:
            return json.load(file)

    assert in_folder('{"audio": {"volume": 5}, "mine": 1}', check) == {
        "audio": {"volume": 5},
        "mine": 1,
        "client_id": "abc",
    }
    assert in_folder(None, check) == {"client_id": "abc"}


def test_save_value_does_not_touch_a_broken_file():
    def check(path):
        assert not config.save_value("client_id", "abc", path)
        with open(path) as file:
            return file.read()

    assert in_folder('{"wifi": [', check) == '{"wifi": ['


def test_client_ids_are_random_uuids():
    first = config.new_client_id()
    assert first != config.new_client_id()
    assert [len(part) for part in first.split("-")] == [8, 4, 4, 4, 12]
    assert first[14] == "4"
    assert first[19] in "89ab"

"""Section ``[mqtt]``: the broker through which Home Assistant sees the devices."""

from dataclasses import dataclass, field, replace
from typing import Annotated

from posewire.config import Rule, between, check_rules, read_secret

PASSWORD_VARIABLE = "POSEWIRE_MQTT_PASSWORD"  # noqa: S105 - the name of a variable, not a secret

_TOPIC = Rule(
    "be a topic without +, # and blanks",
    lambda value: bool(value) and not set(value) & set("+# \0") and not value.startswith(("/", "$")),
)


@dataclass(frozen=True)
class MqttSettings:
    """Section ``[mqtt]``. ``broker``: its host name or address; empty: off.

    ``prefix``: of this host's topics, of which each host at one broker needs its own. ``discovery``: of Home
    Assistant's. ``texts``: whether events hold what was heard and said.
    """

    broker: str = ""
    port: Annotated[int, between(1, 65535)] = 1883
    tls: bool = False
    user: str = ""
    password_file: str = ""
    prefix: Annotated[str, _TOPIC] = "posewire"
    discovery: Annotated[str, _TOPIC] = "homeassistant"
    texts: bool = False
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        check_rules(self)

    def with_secret(self) -> "MqttSettings":
        """Return the settings with the password of the file, or of the variable POSEWIRE_MQTT_PASSWORD.

        Raises:
            ConfigError: the file cannot be read.
        """
        if not self.broker or (self.password and not self.password_file):
            return self
        return replace(self, password=read_secret("[mqtt] password_file", self.password_file, PASSWORD_VARIABLE))

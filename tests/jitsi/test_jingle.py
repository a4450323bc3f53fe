"""The invitation to a conference's media, and the answer."""

import pytest

from posewire.errors import WireError
from posewire.jitsi.jingle import Candidate, IceSide, acceptance, read_offer, termination, termination_reason
from posewire.jitsi.xml import parse_xml, write_xml

OFFER = """<iq xmlns="jabber:client" type="set" from="r@conference.m/focus" id="1">
<jingle xmlns="urn:xmpp:jingle:1" action="{action}" initiator="focus@auth.m/f" sid="abc">
<content creator="initiator" name="audio" senders="both"><description xmlns="urn:xmpp:jingle:apps:rtp:1" media="audio">
<payload-type id="111" name="opus" clockrate="48000" channels="2"><parameter name="minptime" value="10"/></payload-type>
<payload-type id="9" name="G722" clockrate="8000"/><rtcp-mux/></description>
<transport xmlns="urn:xmpp:jingle:transports:ice-udp:1" ufrag="uf" pwd="pw">
<web-socket xmlns="http://jitsi.org/protocol/colibri" url="wss://m/colibri-ws/default/1/0a0b0c0d?pwd=x"/><rtcp-mux/>
<fingerprint xmlns="urn:xmpp:jingle:apps:dtls:0" hash="sha-256" setup="actpass">AA:BB</fingerprint>
<candidate component="1" foundation="7" generation="0" id="a" ip="192.0.2.9" network="0" port="10000"
 priority="2130706431" protocol="udp" type="host"/>
<candidate component="1" foundation="8" ip="192.0.2.9" port="4443" priority="1" protocol="tcp" type="host"/>
<candidate component="1" foundation="9" ip="192.0.2.9" port="none" priority="1" protocol="udp" type="host"/>
</transport></content>
<content creator="initiator" name="video" senders="both"><description xmlns="urn:xmpp:jingle:apps:rtp:1" media="video">
<payload-type id="100" name="VP8" clockrate="90000"/></description></content>
</jingle></iq>"""
OWN = IceSide("mine", "secret", (Candidate("1", 1, "udp", 5, "192.0.2.1", 9999, "host"),))


def offer(action: str = "session-initiate") -> tuple[object, ...]:
    stanza = parse_xml(OFFER.format(action=action))
    return stanza, stanza[0]


def test_an_invitation_is_read() -> None:
    found = read_offer(*offer())  # type: ignore[arg-type]
    assert (found.focus, found.sid, found.action) == ("r@conference.m/focus", "abc", "session-initiate")
    assert found.channel == "wss://m/colibri-ws/default/1/0a0b0c0d?pwd=x"
    assert found.ice == IceSide("uf", "pw", (Candidate("7", 1, "udp", 2130706431, "192.0.2.9", 10000, "host"),))


def test_the_answer_has_each_content_one_format_and_the_own_transport() -> None:
    answer = parse_xml(write_xml(acceptance(read_offer(*offer()), "r@conference.m/0a0b0c0d", OWN)))  # type: ignore[arg-type]
    assert (answer.get("action"), answer.get("sid")) == ("session-accept", "abc")
    text = write_xml(answer)
    assert [content.get("name") for content in answer if content.tag.endswith("}content")] == ["audio", "video"]
    assert text.count("<payload-type") == 2
    assert text.count('ufrag="mine" pwd="secret"') == text.count('ip="192.0.2.1"') == 2
    assert 'semantics="BUNDLE"' in text
    assert 'setup="active"' in text


def test_another_transport_is_answered_without_formats() -> None:
    answer = acceptance(read_offer(*offer("transport-replace")), "me", OWN)  # type: ignore[arg-type]
    assert answer.get("action") == "transport-accept"
    assert "payload-type" not in write_xml(answer)


def test_an_invitation_without_a_transport_is_refused() -> None:
    stanza = parse_xml('<iq xmlns="jabber:client"><jingle xmlns="urn:xmpp:jingle:1" sid="1"/></iq>')
    with pytest.raises(WireError, match="a transport and a sid"):
        read_offer(stanza, stanza[0])


def test_the_reason_of_an_end() -> None:
    assert termination_reason(termination("1", "success")) == "success"
    assert termination_reason(parse_xml('<jingle xmlns="urn:xmpp:jingle:1"/>')) == "no reason given"

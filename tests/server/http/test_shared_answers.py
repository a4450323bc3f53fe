"""Answers that many share: only those who accept an older one get it, and only those who may ask."""

from dataclasses import replace

import httpx2
import pytest

from posewire.identity.settings import AuthSettings
from posewire.server.host import Host
from posewire.server.http.shared_answers import SharedAnswers
from support.hosts import http_url, settings
from support.peers import Peers

SHARED = {"Cache-Control": "max-age=600"}


@pytest.mark.parametrize(("path", "key"), [("/api/devices", "devices"), ("/api/rooms", "rooms")])
async def test_who_accepts_an_older_answer_shares_it_and_others_see_this_moment(
    host: Host, peers: Peers, path: str, key: str
) -> None:
    async with httpx2.AsyncClient() as client:
        url = http_url(host, path)
        assert (await client.get(url, headers=SHARED)).json() == {key: []}
        peer = await peers.connect("aa:00:00:00:00:01")
        await peer.hello()
        await peer.join("r", publish=["pose"])
        assert (await client.get(url, headers=SHARED)).json() == {key: []}
        fresh = await client.get(url)
        assert (len(fresh.json()[key]), fresh.headers["age"]) == (1, "0")
        assert (await client.get(url, headers=SHARED)).json() == fresh.json()


async def test_an_answer_that_is_there_is_not_for_those_who_may_not_ask() -> None:
    token = "t" * 20
    host = Host(replace(settings(), auth=AuthSettings(token=token)))
    await host.start()
    try:
        async with httpx2.AsyncClient() as client:
            url = http_url(host, "/api/devices")
            allowed = {**SHARED, "Authorization": f"Bearer {token}"}
            assert (await client.get(url, headers=allowed)).status_code == 200
            assert (await client.get(url, headers=SHARED)).status_code == 401
    finally:
        await host.stop()


@pytest.mark.parametrize("wish", ["max-age=60", "no-transform, MAX-AGE=60", "max-age=60,stale-ok"])
def test_the_age_is_read_as_http_writes_it(wish: str) -> None:
    assert builds(wish) == 1


OTHERS = ("", "no-cache", "max-age=0", "max-age=-1", "max-age=1e9", "s-max-age=60", "max-age=6x")


@pytest.mark.parametrize("wish", OTHERS)
def test_any_other_wish_gets_the_answer_of_this_moment(wish: str) -> None:
    assert builds(wish) == 2


def test_rooms_that_come_and_go_leave_nothing_behind() -> None:
    answers = SharedAnswers()
    for number in range(1000):
        answers.answer(f"/api/rooms/{number}", {}, dict)
    assert len(answers._newest) < 100


def builds(wish: str) -> int:
    """How often the answer is made for two requests."""
    answers, built = SharedAnswers(), []
    for _ in range(2):
        answers.answer("/api/devices", {"cache-control": wish}, lambda: built.append(1))
    return len(built)

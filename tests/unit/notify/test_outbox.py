"""The queues: bounded, tried again, at most once for each address."""

import asyncio
from collections import defaultdict

import pytest

from recsys_operator.notify.message import Kind, Message
from recsys_operator.notify.outbox import MOST_WAITING, Letter, Outbox, Patience

QUICK = Patience(before=0, first_back_off=0, longest_back_off=0)


class Post:
    """Takes messages, or answers what the test says; knows what became of every letter."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.answers: dict[str, list[str]] = defaultdict(list)
        self.sent: list[tuple[str, str]] = []
        self.ends: list[tuple[str, str]] = []
        self.refusals: list[str] = []
        self.lengths: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def send(self, address: str, message: Message) -> str:
        await self.gate.wait()
        answer = self.answers[address].pop(0) if self.answers[address] else ""
        if answer == "raise":
            raise RuntimeError(address)
        if not answer:
            self.sent.append((address, message.title))
        return answer

    def waiting(self, target: str, count: int) -> None:
        self.lengths.append(count)

    def ended(self, letter: Letter, outcome: str) -> None:
        self.ends.append((letter.message.title, outcome))

    def refused(self, letter: Letter, reason: str) -> None:
        self.refusals.append(reason)

    async def failed(self, letter: Letter, reason: str) -> None:
        self.ends.append((letter.message.title, f"Failed {reason}"))

    def box(self, patience: Patience = QUICK) -> Outbox:
        return Outbox(lambda _: self.addresses, self.send, self, patience)


def letter(title: str, kind: Kind = "failure", target: str = "oncall") -> Letter:
    return Letter(target, Message(title, "text", kind))


async def done(box: Outbox) -> None:
    """All queues are empty."""
    while box._tasks:
        await asyncio.gather(*box._tasks.values())


async def test_messages_are_sent_in_their_order() -> None:
    post = Post("json://a")
    box = post.box()
    for title in ("one", "two", "three"):
        box.post(letter(title))
    assert post.sent == [], "posting sends nothing itself"
    await done(box)
    assert [title for _, title in post.sent] == ["one", "two", "three"]
    assert post.ends == [("one", "Sent"), ("two", "Sent"), ("three", "Sent")]
    assert post.lengths[-1] == 0


async def test_an_address_that_has_taken_a_message_does_not_get_it_again() -> None:
    post = Post("json://a", "json://b")
    post.answers["json://b"] = ["Http503", "TimedOut"]
    box = post.box()
    box.post(letter("one"))
    await done(box)
    assert sorted(post.sent) == [("json://a", "one"), ("json://b", "one")]
    assert post.refusals == ["Http503", "TimedOut"]
    assert post.ends == [("one", "Sent")]


async def test_a_message_that_is_not_taken_lets_others_pass() -> None:
    post = Post("json://a")
    post.answers["json://a"] = ["Http400"]
    box = post.box()
    box.post(letter("bad"))
    box.post(letter("good"))
    await done(box)
    assert [title for _, title in post.sent] == ["good", "bad"]


async def test_a_target_that_hangs_delays_no_other() -> None:
    hanging, quick = Post("json://a"), Post("json://b")
    hanging.gate.clear()
    addresses = {"slow": ("json://a",), "fast": ("json://b",)}

    async def send(address: str, message: Message) -> str:
        return await (hanging if address == "json://a" else quick).send(address, message)

    box = Outbox(lambda target: addresses[target], send, quick, QUICK)
    box.post(letter("stuck", target="slow"))
    box.post(letter("through", target="fast"))
    await box._tasks["fast"]
    assert quick.sent == [("json://b", "through")]
    hanging.gate.set()
    await done(box)


async def test_an_address_that_is_rotated_is_used_for_the_next_attempt() -> None:
    post = Post()
    box = Outbox(lambda _: addresses.pop(0), post.send, post, QUICK)
    addresses = [(), ("json://old",), ("json://new",)]
    post.answers["json://old"] = ["Http401"]
    box.post(letter("one"))
    await done(box)
    assert post.refusals == ["NoAddress", "Http401"]
    assert post.sent == [("json://new", "one")]


async def test_what_is_too_old_is_given_up_and_not_before() -> None:
    post = Post("json://a")
    post.answers["json://a"] = ["Http500"] * 3
    seconds = iter([0.0, 10.0, 59.0, 60.0])
    box = Outbox(lambda _: post.addresses, post.send, post, Patience(0, 0, 0, 60), clock=lambda: next(seconds))
    box.post(letter("one"))
    await done(box)
    assert post.refusals == ["Http500", "Http500"]
    assert post.ends == [("one", "Failed Http500")]


async def test_where_there_is_no_room_minor_messages_go_first() -> None:
    post = Post("json://a")
    box = post.box()
    box.post(letter("rollback 0"))
    box.post(letter("weight", "info"))
    for number in range(1, MOST_WAITING):
        box.post(letter(f"rollback {number}"))
    assert post.ends == [("weight", "Dropped")]
    box.post(letter("last"))
    assert post.ends[-1] == ("rollback 0", "Dropped")
    assert max(post.lengths) == MOST_WAITING
    await done(box)
    assert len(post.sent) == MOST_WAITING


async def test_a_sender_that_raises_is_an_attempt_that_failed(caplog: pytest.LogCaptureFixture) -> None:
    post = Post("json://user:secret@a")
    post.answers["json://user:secret@a"] = ["raise"]
    box = post.box()
    box.post(letter("one"))
    await done(box)
    assert post.refusals == ["SenderFailed"]
    assert post.ends == [("one", "Sent")]
    assert "secret" not in caplog.text


async def test_stopping_waits_for_what_is_under_way_but_not_for_ever() -> None:
    post = Post("json://a")
    box = post.box()
    box.post(letter("one"))
    await box.stop(5)
    assert post.sent == [("json://a", "one")]
    box.post(letter("late"))
    assert not box._tasks
    stuck = Post("json://a")
    stuck.gate.clear()
    box = stuck.box()
    box.post(letter("two"))
    await box.stop(0)
    assert stuck.sent == []


async def test_back_off_grows_to_its_bound() -> None:
    box = Post().box(Patience(first_back_off=2, longest_back_off=300))
    for failures, seconds in ((1, 2), (2, 4), (5, 32), (9, 300), (10000, 300)):
        assert 0.75 * seconds <= box._back_off(failures) <= seconds

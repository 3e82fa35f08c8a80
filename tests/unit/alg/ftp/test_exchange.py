"""Replies find their commands; gates follow the server's order."""

from __future__ import annotations

from applianced.alg.ftp.exchange import NO_ANSWER, UNANSWERED_LIMIT, Answer, Exchange
from applianced.alg.ftp.verbs import ACTIVE, Kind


def after(*commands: tuple[Kind, int]) -> Exchange:
    exchange = Exchange()
    exchange.answered(220)
    for kind, gate in commands:
        assert exchange.expect(kind, gate)
    return exchange


def test_the_greeting_answers_the_connection() -> None:
    assert Exchange().answered(220) == Answer(Kind.OTHER, 0, True)


def test_in_order() -> None:
    exchange = after((Kind.PORT, 7), (Kind.TRANSFER, 0))
    assert exchange.answered(200) == (Kind.PORT, 7, True)
    assert exchange.answered(226) == (Kind.TRANSFER, 0, True)
    assert exchange.answered(226) == NO_ANSWER


def test_a_particular_code_finds_its_command() -> None:
    exchange = after((Kind.OTHER, 0), (Kind.PORT, 7), (Kind.PASV, 0), (Kind.OTHER, 0))
    assert exchange.answered(227) == (Kind.PASV, 0, False)
    assert exchange.take_spent() == [7]
    assert len(exchange.unanswered) == 1


def test_a_particular_command_waits_for_its_code() -> None:
    exchange = after((Kind.PASV, 0))
    assert exchange.answered(226) == NO_ANSWER
    assert exchange.answered(229) == NO_ANSWER
    assert exchange.answered(550) == (Kind.PASV, 0, True)


def test_gates_in_the_order_of_the_server() -> None:
    exchange = Exchange()
    for kind in ACTIVE:
        assert exchange.settle(Answer(kind, 5, True), failed=True) == 5
    assert exchange.settle(Answer(Kind.PORT, 5, True), failed=False) == 0
    assert exchange.settle(Answer(Kind.PORT, 6, True), failed=False) == 0
    assert (exchange.current, exchange.take_spent()) == (6, [5])
    assert exchange.settle(Answer(Kind.TRANSFER, 0, True), failed=True) == 6
    assert (exchange.current, exchange.spent) == (0, [])


def test_too_many_unanswered() -> None:
    exchange = after(*((Kind.PORT, gate) for gate in range(1, UNANSWERED_LIMIT + 1)))
    assert len(exchange.unanswered) == UNANSWERED_LIMIT
    assert not exchange.expect(Kind.OTHER)
    assert exchange.take_spent() == [1]
    assert len(exchange.unanswered) == UNANSWERED_LIMIT

"""What replies mean, and when to try again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.ledger.policy import (
    OBJECTIONS,
    Objections,
    OnDoubt,
    ReplyKind,
    RetryPolicy,
    after_break,
    after_doubt,
    after_refused_composing,
    after_reply,
    after_skip,
    classify,
)
from newsletter.delivery.model import Claim, DeliveryState, Outcome, Phase, Reason, SkipReason, SmtpReply
from tests.conftest import MONDAY
from tests.delivery.house import claim

attempts = st.integers(1, 10_000)
jitters = st.floats(0, 1)
policies = st.builds(
    RetryPolicy,
    first=st.timedeltas(timedelta(0), timedelta(days=1)),
    longest=st.timedeltas(timedelta(seconds=1), timedelta(days=5)),
    max_attempts=st.integers(1, 50),
    give_up_after=st.timedeltas(timedelta(hours=1), timedelta(days=5)),
)
replies = st.builds(
    SmtpReply,
    code=st.sampled_from([250, 251, 421, 450, 451, 452, 500, 530, 550, 551, 552, 553, 554]),
    status=st.sampled_from(["", "2.0.0", "4.2.1", "4.7.1", "5.1.1", "5.2.2", "5.3.4", "5.6.0", "5.7.1", "5.7.17", "5.7.515"]),
    text=st.just("so"),
)
messages = [Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY, Phase.DOT]


@given(policies, attempts, jitters)
def test_no_wait_is_longer_than_the_longest(policy: RetryPolicy, attempt: int, jitter: float) -> None:
    assert timedelta(0) <= policy.delay(attempt, jitter) <= policy.longest


@given(policies, attempts)
def test_waits_never_shrink_from_try_to_try(policy: RetryPolicy, attempt: int) -> None:
    assert policy.delay(attempt) <= policy.delay(attempt + 1)


def test_waits_double_up_to_the_longest() -> None:
    policy = RetryPolicy(first=timedelta(minutes=10), longest=timedelta(hours=1))
    assert [policy.delay(attempt) / timedelta(minutes=1) for attempt in range(1, 6)] == [10, 20, 40, 60, 60]


@pytest.mark.parametrize(("attempt", "jitter"), [(0, 0.0), (1, -0.1), (1, 1.1)])
def test_a_try_before_the_first_or_a_strange_jitter_is_misuse(attempt: int, jitter: float) -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        RetryPolicy().delay(attempt, jitter)


@pytest.mark.parametrize(
    ("code", "status", "phase", "kind"),
    [
        (250, "2.0.0", Phase.DOT, ReplyKind.ACCEPTED),
        (451, "4.7.1", Phase.RCPT, ReplyKind.TEMPORARY),
        (550, "5.1.1", Phase.RCPT, ReplyKind.PERMANENT),
        (550, "", Phase.RCPT, ReplyKind.PERMANENT),
        (552, "5.2.2", Phase.DOT, ReplyKind.PERMANENT),
        (501, "5.1.3", Phase.RCPT, ReplyKind.PERMANENT),
        (550, "5.7.17", Phase.RCPT, ReplyKind.PERMANENT),
        (550, "5.7.1", Phase.DOT, ReplyKind.OURS),
        (550, "5.7.26", Phase.DOT, ReplyKind.OURS),
        (550, "5.7.515", Phase.DOT, ReplyKind.OURS),
        (552, "5.3.4", Phase.MAIL, ReplyKind.OURS),
        (530, "", Phase.RCPT, ReplyKind.OURS),
        (503, "5.5.1", Phase.DATA, ReplyKind.OURS),
        (550, "5.1.8", Phase.MAIL, ReplyKind.OURS),
        (553, "5.6.7", Phase.RCPT, ReplyKind.PERMANENT),
        (553, "5.6.7", Phase.MAIL, ReplyKind.OURS),
        (421, "4.7.28", Phase.RCPT, ReplyKind.OURS),
        (451, "4.7.650", Phase.DOT, ReplyKind.OURS),
        (421, "4.7.0", Phase.RCPT, ReplyKind.TEMPORARY),
        (535, "", Phase.RCPT, ReplyKind.OURS),
        (555, "", Phase.RCPT, ReplyKind.OURS),
    ],
)
def test_what_a_reply_says_and_about_whom(code: int, status: str, phase: Phase, kind: ReplyKind) -> None:
    assert classify(SmtpReply(code, status, ""), phase) is kind


@pytest.mark.parametrize("code", [150, 220 + 100, 354, 600])
def test_a_reply_that_is_not_final_is_misuse(code: int) -> None:
    with pytest.raises(ValueError, match="not a final"):
        classify(SmtpReply(code, "", ""), Phase.DOT)


@given(st.lists(st.tuples(replies, st.sampled_from(messages)), min_size=1), policies, jitters)
def test_a_delivery_ends_within_its_tries_and_only_in_known_ways(
    answers: list[tuple[SmtpReply, Phase]], policy: RetryPolicy, jitter: float
) -> None:
    held, now = claim(), MONDAY
    for reply, phase in answers:
        outcome = after_reply(held, reply, phase, now=now, policy=policy, jitter=jitter)
        assert outcome.attempts <= policy.max_attempts
        if outcome.state is not DeliveryState.DEFERRED:
            assert outcome.state is (DeliveryState.SENT if reply.code < 300 else DeliveryState.FAILED)
            break
        assert outcome.not_before is not None
        assert now <= outcome.not_before <= now + policy.longest
        now = outcome.not_before
        held = claim(attempts=outcome.attempts)


@given(replies, st.sampled_from(messages), policies, st.integers(0, 60), st.timedeltas(timedelta(0), timedelta(days=9)))
def test_what_may_have_arrived_never_counts_as_failed(
    reply: SmtpReply, phase: Phase, policy: RetryPolicy, tried: int, age: timedelta
) -> None:
    doubted = claim(doubted=True, attempts=tried)
    now = MONDAY + age

    def is_honest(outcome: Outcome) -> bool:
        sticks = outcome.reason == Reason.IN_DOUBT
        return outcome.state is DeliveryState.SENT or (
            sticks and outcome.state in {DeliveryState.DEFERRED, DeliveryState.DOUBTFUL}
        )

    assert is_honest(after_reply(doubted, reply, phase, now=now, policy=policy, jitter=0))
    assert is_honest(after_break(doubted, now=now, policy=policy, jitter=0))
    assert is_honest(after_refused_composing(doubted, now=now, policy=policy, jitter=0))
    assert is_honest(after_skip(doubted, SkipReason.SUPPRESSED))
    for on_doubt in OnDoubt:
        assert is_honest(after_doubt(claim(attempts=tried), on_doubt=on_doubt, now=now, policy=policy, jitter=0))


def test_a_refusal_of_us_waits_long_and_costs_no_try() -> None:
    outcome = after_reply(claim(), SmtpReply(550, "5.7.1", ""), Phase.DOT, now=MONDAY, policy=RetryPolicy(), jitter=0)
    assert (outcome.state, outcome.reason, outcome.attempts) == (DeliveryState.DEFERRED, Reason.POLICY, 0)
    assert outcome.not_before == MONDAY + timedelta(hours=6)


def test_being_told_to_slow_down_waits_as_usual_and_costs_no_try() -> None:
    outcome = after_reply(claim(), SmtpReply(421, "4.7.28", ""), Phase.DOT, now=MONDAY, policy=RetryPolicy(), jitter=0)
    assert (outcome.state, outcome.reason, outcome.attempts) == (DeliveryState.DEFERRED, Reason.POLICY, 0)
    assert outcome.not_before == MONDAY + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        (550, "5.7.26", "SPF, DKIM or DMARC"),
        (550, "5.7.515", "bulk sender rules"),
        (550, "5.7.25", "reverse name"),
        (550, "5.7.606", "banned"),
        (530, "", "smtp.username"),
        (535, "", "smtp.username"),
    ],
)
def test_a_plain_objection_to_us_pauses_at_once_with_what_to_do(code: int, status: str, words: str) -> None:
    why = Objections().refused(SmtpReply(code, status, ""), Phase.RCPT)
    assert words in why
    assert str(code) in why


def test_an_objection_that_may_be_one_reader_s_pauses_only_in_a_row() -> None:
    objections, own_rule = Objections(), SmtpReply(550, "5.7.1", "")
    for _ in range(3):
        assert [objections.refused(own_rule, Phase.DOT) for _ in range(OBJECTIONS - 1)] == [""] * (OBJECTIONS - 1)
        objections.accepted()
    assert [bool(objections.refused(own_rule, Phase.DOT)) for _ in range(OBJECTIONS)] == [False] * (OBJECTIONS - 1) + [True]
    assert objections.refused(own_rule, Phase.DOT) == "", "it counts anew when the issue goes on"


@given(st.integers(400, 499), st.sampled_from(["", "4.7.28", "4.7.650", "4.2.1"]))
def test_what_is_temporary_never_pauses(code: int, status: str) -> None:
    objections = Objections()
    assert not any(objections.refused(SmtpReply(code, status, ""), Phase.DOT) for _ in range(2 * OBJECTIONS))


@pytest.mark.parametrize("reply", [SmtpReply(451, "", ""), SmtpReply(550, "5.7.1", "")])
def test_a_delivery_that_is_too_old_fails(reply: SmtpReply) -> None:
    old = MONDAY + timedelta(days=3)
    outcome = after_reply(claim(), reply, Phase.DOT, now=old, policy=RetryPolicy(), jitter=0)
    assert (outcome.state, outcome.reason) == (DeliveryState.FAILED, Reason.TOO_OLD)


def test_a_first_broken_connection_is_tried_again_at_once_and_a_second_waits() -> None:
    def due(held: Claim) -> object:
        return after_break(held, now=MONDAY, policy=RetryPolicy(), jitter=0).not_before

    assert due(claim()) == MONDAY
    assert due(claim(attempts=1)) == MONDAY + timedelta(minutes=10)


def test_doubt_is_held_on_request_and_when_tries_are_used_up() -> None:
    policy = RetryPolicy(max_attempts=3)
    again = after_doubt(claim(), on_doubt=OnDoubt.RESEND, now=MONDAY, policy=policy, jitter=0)
    held = after_doubt(claim(), on_doubt=OnDoubt.HOLD, now=MONDAY, policy=policy, jitter=0)
    used_up = after_doubt(claim(attempts=2), on_doubt=OnDoubt.RESEND, now=MONDAY, policy=policy, jitter=0)
    assert [again.state, held.state, used_up.state] == ["deferred", "doubtful", "doubtful"]

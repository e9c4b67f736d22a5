"""Compares accounts with the payment provider, and repairs what lost webhooks have left behind (requirement P5).

Everything goes the way that events go, so nothing is done twice that an event has done, or will do yet.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from tollhoused.domain.account import Account
from tollhoused.domain.advance import advance
from tollhoused.domain.answers import IntentAnswer
from tollhoused.domain.bought import ObserveSubscription, decide_subscription, subscription_id
from tollhoused.domain.instants import DAY_US, MINUTE_US
from tollhoused.domain.intent import Intent, IntentState
from tollhoused.domain.payments import PaymentFacts, PaymentStatus, Standing, SubscriptionFacts
from tollhoused.errors import TollhouseError
from tollhoused.providers.provider import BadWebhook, NotThere, ProviderFailure
from tollhoused.store.wanted import whole_accounts
from tollhoused.usecases import inbox, orders, payments
from tollhoused.usecases.core import Core, reading
from tollhoused.usecases.desk import Desk
from tollhoused.usecases.payments import Seen

LOOK_BACK_US = 35 * DAY_US
"""Refunds and disputes of payments that are older come by events only."""

EVENTS_BEFORE_US = 3 * DAY_US
"""So long providers try to deliver: what was lost may be that much older than what was received last."""

EVENTS_KEPT_US = 30 * DAY_US
"""The provider remembers no more of them."""

CALLER_US = MINUTE_US
"""An order that is younger may still be its caller's."""

PORTION = 200
FAILURES_MAX = 3
"""Accounts in a row at which the provider has failed before nobody is compared any more."""


class Remark(NamedTuple):
    """Something that was found, about an account or about nobody's; `is_problem` where it is left to a person."""

    account_id: str
    text: str
    is_problem: bool = False


@dataclass(slots=True)
class Reconciliation:
    """One run. It tells what it finds while it goes on; with `dry_run` it writes nothing."""

    core: Core
    desk: Desk
    tell: Callable[[Remark], None]
    dry_run: bool = False
    accounts: int = 0
    repaired: int = 0
    problems: int = 0
    _failures: int = 0
    _spoken_for: set[str] = field(default_factory=set)
    """Payments and subscriptions that a dry run has told of already, with the page on which they were bought."""

    def all(self) -> None:
        """Every account that the provider knows or was asked for something for, and the events that never came."""
        for account_id, intent in self._unsettled(""):
            self._guarded(account_id, partial(self._settle, account_id, intent))
        for account_id, customer in self._customers():
            self.accounts += 1
            self._guarded(account_id, partial(self._compare, account_id, customer))
        self._guarded("", self._fetch_events)

    def one(self, account_id: str) -> None:
        """One account. Raises SubjectNotFound."""
        customer = payments.customer_of(self.core, account_id)
        self.accounts = 1
        for _, intent in self._unsettled(account_id):
            self._guarded(account_id, partial(self._settle, account_id, intent))
        if customer:
            self._guarded(account_id, partial(self._compare, account_id, customer))

    def _guarded(self, account_id: str, act: Callable[[], None]) -> None:
        """One account's trouble is not the others'; the provider's is."""
        if self._failures >= FAILURES_MAX:
            return
        try:
            act()
        except ProviderFailure as failure:
            self._failures += 1
            self._say(account_id, f"could not be compared: {failure}", is_problem=True)
            if self._failures == FAILURES_MAX:
                self._say("", "the rest was not compared", is_problem=True)
        except TollhouseError as failure:
            self._say(account_id, f"could not be repaired: {failure}", is_problem=True)
        else:
            self._failures = 0

    def _compare(self, account_id: str, customer: str) -> None:
        provider, _, customer_id = customer.partition(":")
        if provider != self.desk.name:
            return
        now_us = self.core.clock()
        since_us = min([now_us - LOOK_BACK_US, *(intent.created_us for _, intent in self._unsettled(account_id))])
        seen_us = self.core.clock()
        found = self.desk.ask("payments_of", lambda asked: list(asked.payments_of(customer_id, since_us)))
        for payment in found:
            self._compare_payment(payment, seen_us)
        seen_us = self.core.clock()
        shown = self.desk.ask("subscriptions_of", lambda asked: list(asked.subscriptions_of(customer_id)))
        for facts in shown:
            self._compare_subscription(account_id, facts, seen_us)

    def _compare_payment(self, payment: PaymentFacts, seen_us: int) -> None:
        with reading():
            found = self.core.store.providers.intent(payment.intent_id) if payment.intent_id else None
        if found is None or payment.payment_id in self._spoken_for or not differs(found[1], payment):
            return
        account_id, intent = found
        what = (
            f"{intent.kind.value} {intent.id} is {intent.state.value}, payment {payment.payment_id} {_shown(payment)}"
        )
        self._repair(account_id, what, lambda: payments.observe_payment(self.core, payment, seen_us))

    def _compare_subscription(self, account_id: str, facts: SubscriptionFacts, seen_us: int) -> None:
        with reading():
            known = self.core.store.providers.subscription(subscription_id(self.desk.name, facts.subscription_id))
        now_us = self.core.clock()
        if facts.subscription_id in self._spoken_for:
            return
        if (known[1].standing if known else facts.standing) is Standing.CANCELED:
            return
        account_id = known[0] if known else account_id
        command = ObserveSubscription(
            account_id=account_id,
            provider=self.desk.name,
            facts=facts,
            observed_us=seen_us,
            grace_us=self.desk.grace_us,
        )
        account = self._account(account_id)
        if known:
            account.subscriptions.setdefault(known[1].id, known[1])  # one whose end has passed here may go on there
        decision = decide_subscription(account, command, max(now_us, account.as_of_us), self.core.shelf.history)
        problem = decision.answer.problem if isinstance(decision.answer, IntentAnswer) else ""
        changed = decision.effect.subscription
        if known and changed:
            changed = changed if replace(changed, observed_us=known[1].observed_us) != known[1] else None
        if not changed and not (problem and (known or facts.account_id == account_id)):
            return
        ours = f"{known[1].plan} {known[1].standing}" if known else "not known here"
        what = f"subscription {facts.subscription_id} is {facts.standing.value} with {facts.price_id}, here: {ours}"
        self._repair(account_id, what, lambda: payments.observe_subscription(self.core, self.desk, facts, seen_us))

    def _settle(self, account_id: str, intent: Intent) -> None:
        """What was never brought to an end: by another look, or by the same attempt once more."""
        if intent.provider != self.desk.name:
            return
        what = f"{intent.kind.value} {intent.id} is {intent.state.value}"
        if intent.state is IntentState.OPEN:
            if self.core.clock() - intent.attempt_us >= CALLER_US:
                self._repair(account_id, f"{what} and is asked for again", lambda: self._ask_again(account_id, intent))
            return
        try:
            change = self._change_of(intent)
        except NotThere as failure:
            self._say(account_id, f"{what}: {failure}", is_problem=True)
            return
        if change is None:
            return
        self._repair(account_id, f"{what}, at the provider it is {change[0]}", change[1])

    def _change_of(self, intent: Intent) -> tuple[str, Callable[[], Seen]] | None:
        """What has happened to something that waits, and what to do about it; None for nothing."""
        if intent.payment_id:
            seen_us = self.core.clock()
            payment = self.desk.ask("read_payment", lambda asked: asked.read_payment(intent.payment_id))
            if differs(intent, payment):
                self._told_of(payment.payment_id)
                return _shown(payment), lambda: payments.observe_payment(self.core, payment, seen_us)
        if not intent.reference:
            return None
        page = self.desk.ask("read_checkout", lambda asked: asked.read_checkout(intent.reference))
        if not page.completed and not page.expired:
            return None
        if page.completed and page.payment_id and page.payment_id == intent.payment_id:
            return None  # it was just compared
        self._told_of(page.payment_id, page.subscription_id)
        shown = "completed" if page.completed else "expired"
        return shown, lambda: payments.look_at_checkout(self.core, self.desk, intent.reference)

    def _told_of(self, *ids: str) -> None:
        if self.dry_run:
            self._spoken_for.update(filter(None, ids))

    def _ask_again(self, account_id: str, intent: Intent) -> Seen:
        orders.carry_out(self.core, self.desk, account_id, intent)
        return Seen(account_id)

    def _fetch_events(self) -> None:
        """Events that were made and never came here are put into the inbox, where a server finds them."""
        now_us = self.core.clock()
        with reading():
            newest_us = self.core.store.providers.newest_created_us(self.desk.name)
        since_us = now_us - EVENTS_KEPT_US if newest_us is None else newest_us - EVENTS_BEFORE_US
        number = 0
        for body in self.desk.provider.events(since_us):
            try:
                notice = self.desk.provider.translate(body, live=self.core.live)
            except BadWebhook as problem:
                self._say("", f"an event cannot be read: {problem}", is_problem=True)
                continue
            with reading():
                is_here = self.core.store.providers.event(self.desk.name, notice.event_id) is not None
            if not is_here:
                number += 1
                if not self.dry_run:
                    inbox.keep(self.core, self.desk, body)
        if number:
            self.repaired += 1
            self._say("", f"{number} events never came here: {'they would be' if self.dry_run else 'now'} in the inbox")

    def _repair(self, account_id: str, what: str, act: Callable[[], Seen]) -> None:
        if self.dry_run:
            self.repaired += 1
            self._say(account_id, f"{what}: would be repaired")
            return
        seen = act()
        if seen.problem:
            self._say(account_id, f"{what}: {seen.problem}", is_problem=True)
            return
        self.repaired += 1
        self._say(account_id, f"{what}: repaired")

    def _say(self, account_id: str, text: str, *, is_problem: bool = False) -> None:
        self.problems += is_problem
        self.tell(Remark(account_id, text, is_problem))

    def _account(self, account_id: str) -> Account:
        with reading():
            books = self.core.store.snapshot(whole_accounts([account_id], self.core.clock()), self.core.clock)
        account = books.accounts[account_id]
        now_us = max(books.clock_us, account.as_of_us)
        self.core.knowing(lambda: advance(account, now_us, self.core.shelf.history))
        return account

    def _unsettled(self, account_id: str) -> Iterator[tuple[str, Intent]]:
        after = ""
        while True:
            with reading():
                found = self.core.store.providers.unsettled(account_id, after, PORTION)
            yield from found
            if len(found) < PORTION:
                return
            after = found[-1][1].id

    def _customers(self) -> Iterator[tuple[str, str]]:
        after = ""
        while True:
            with reading():
                found = self.core.store.providers.customers(after, PORTION)
            yield from found
            if len(found) < PORTION:
                return
            after = found[-1][0]


def differs(intent: Intent, payment: PaymentFacts) -> bool:
    """Whether a payment shows what is not known of it."""
    if intent.state is IntentState.SUCCEEDED:
        paid = payment.status is PaymentStatus.SUCCEEDED and payment.returned_minor < payment.paid_minor
        pays_twice = paid and payment.payment_id != intent.payment_id
        return pays_twice or (
            payment.payment_id == intent.payment_id
            and min(payment.returned_minor, intent.paid_minor) != intent.returned_minor
        )
    if payment.status in (PaymentStatus.FAILED, PaymentStatus.CANCELED):
        return intent.in_flight and intent.problem != payment.decline
    return payment.status is PaymentStatus.SUCCEEDED


def _shown(payment: PaymentFacts) -> str:
    back = f", {payment.returned_minor} of {payment.paid_minor} given back" if payment.returned_minor else ""
    return f"{payment.status.value}{back}"

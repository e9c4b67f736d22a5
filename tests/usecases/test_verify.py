"""Books that were kept are proved without a finding, and whatever is changed behind their back is named."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import NullPool, create_engine

from tests.support.busy import ADA, BOB, CYD, DAN, EVE, FAY, GUS, HAL, ORG, keep_busy_books
from tests.support.engines import ENGINES, NUMBERS
from tests.support.house import Clock, Ids, build_core, call, close_core, give_credits, make_user, person, use
from tests.support.postgres import Cluster
from tollhoused.domain.money import NANOS_PER_UNIT
from tollhoused.domain.proof import INVARIANTS, Evidence, Finding
from tollhoused.domain.reservation import OnExpiry, OverCommit
from tollhoused.errors import StoreUnavailable
from tollhoused.store import triggers
from tollhoused.store.audit import auditing
from tollhoused.store.columns import metadata
from tollhoused.store.store import Store, open_store
from tollhoused.usecases import credits, registry, reservations
from tollhoused.usecases.core import Core
from tollhoused.usecases.reservations import Wish
from tollhoused.usecases.verify import FINDINGS_OF_AN_ACCOUNT_MAX, Summary, verify

# What takes the database's own guards away: in each session foreign keys, checks and triggers as far as it goes there,
# and the rest once.
UNGUARDED_SESSION = {
    "sqlite": "PRAGMA ignore_check_constraints = ON",
    "postgresql": "SET session_replication_role = replica",
}
UNGUARDED = {
    "sqlite": [f"DROP TRIGGER {trigger.name}" for trigger in triggers.SQLITE],
    "postgresql": [
        """DO $$ DECLARE rule record; BEGIN
            FOR rule IN SELECT conrelid::regclass AS place, conname FROM pg_constraint
                WHERE contype = 'c' AND conrelid > 0
            LOOP EXECUTE 'ALTER TABLE ' || rule.place || ' DROP CONSTRAINT ' || rule.conname; END LOOP;
        END $$"""
    ],
}
TABLES = sorted(metadata.tables)

# Which rows a corruption touches.
DEBIT = "idempotency_key = 'ada/3'"  # paid by two grants
BOOKED = "cause = 'ada/3'"
CALLS = "idempotency_key = 'dan/calls'"  # costs nothing
BEYOND = "idempotency_key = 'bob/beyond debt'"  # took more than was available, but no debt
MAIL = "idempotency_key = 'org/1'"
OF_ADA, OF_BOB, OF_CYD, OF_DAN, OF_EVE, OF_ORG, OF_FAY, OF_HAL = (
    f"account = '{id_}'" for id_ in (ADA, BOB, CYD, DAN, EVE, ORG, FAY, HAL)
)
BY_CALL = "state = 'committed' AND ended_us < expires_us"
BY_ITSELF = "state = 'committed' AND ended_us = expires_us"
MIDDLE = f"{OF_CYD} AND start_us = 1800522004000001"  # a segment that carries use on, and has more of its own
CARRYING = f"{OF_CYD} AND segment_start_us = 1800522004000001"
ENTRY = (
    "ledger_entries SELECT slice, account, seq + 1, booked_us, effective_us, grant_id, amount_nanos,"
    " balance_after_nanos + amount_nanos, cause_kind, cause, cause_client FROM ledger_entries"
)
OPERATION = (
    "operations SELECT 'copy', client, account, kind, slice, stored_at_us, event_at_us, product, meter,"
    " segment_start_us, quantity, overage, charged_nanos, metadata, sent, answer, voided_by FROM operations"
)
PLAN = (
    "INSERT INTO subscriptions (account, id, provider, plan, plan_version, start_us, end_us, anchor_us, trial_end_us,"
    " pending_plan, pending_plan_version, pending_us) VALUES"
)

# The invariant that breaks, the account that breaks it, and what was done: UPDATE where a statement begins otherwise.
CORRUPTIONS = [
    ("V6", EVE, f"accounts SET kind = 'organization' WHERE id = '{EVE}'"),
    ("V6", ORG, f"accounts SET kind = 'personal' WHERE id = '{ORG}'"),
    ("V6", EVE, f"accounts SET kind = 'x' WHERE id = '{EVE}'"),
    ("V6", EVE, f"accounts SET currency = 'eur' WHERE id = '{EVE}'"),
    ("V6", EVE, f"accounts SET zone = 'Europe/Atlantis' WHERE id = '{EVE}'"),
    ("V4", EVE, f"accounts SET anchor_us = anchor_us - 1 WHERE id = '{EVE}'"),
    ("V5", ADA, f"accounts SET as_of_us = as_of_us - 1 WHERE id = '{ADA}'"),
    ("V4", ORG, f"accounts SET as_of_us = as_of_us - 1 WHERE id = '{ORG}'"),
    ("V4", DAN, f"accounts SET as_of_us = due_us WHERE id = '{DAN}'"),
    ("V4", DAN, f"accounts SET due_us = due_us + 1 WHERE id = '{DAN}'"),
    ("V5", ADA, f"accounts SET balance_nanos = balance_nanos + 1 WHERE id = '{ADA}'"),
    ("V5", BOB, f"accounts SET debt_nanos = debt_nanos - 1 WHERE id = '{BOB}'"),
    ("V5", BOB, f"accounts SET balance_nanos = balance_nanos + 7, debt_nanos = debt_nanos - 7 WHERE id = '{BOB}'"),
    ("V5", CYD, f"accounts SET ledger_seq = ledger_seq + 1 WHERE id = '{CYD}'"),
    ("V6", EVE, f"DELETE FROM accounts WHERE id = '{EVE}'"),
    ("V6", ADA, f"DELETE FROM accounts WHERE id = '{ADA}'"),
    ("V6", "acct_x", f"users SET account = 'acct_x' WHERE {OF_EVE}"),
    ("V6", ORG, f"users SET account = '{ORG}' WHERE {OF_EVE}"),
    ("V6", EVE, f"DELETE FROM users WHERE {OF_EVE} AND account <> '{ORG}'"),  # whose member she is
    ("V6", ORG, f"organizations SET account = '{EVE}'"),
    ("V6", ORG, """memberships SET "user" = 'user_x' WHERE is_primary = 1"""),
    ("V6", ORG, "memberships SET org_id = 'org_x' WHERE is_primary = 0"),
    ("V6", ORG, """INSERT INTO memberships SELECT 'acct_x', "user", org_id, 1 FROM memberships WHERE is_primary = 1"""),
    ("V6", "acct_x", "memberships SET account = 'acct_x'"),
    ("V6", "", "catalog_versions SET toml = toml || ' '"),
    ("V6", "", "catalog_versions SET toml = 'x'"),
    ("V6", DAN, "catalog_versions SET version = 2"),
    ("V6", DAN, """catalog_versions SET toml = replace(toml, 'included = 1_000,', 'included = 1_001,')"""),
    ("V6", ORG, f"subscriptions SET plan = 'team' WHERE {OF_ORG}"),
    ("V6", ORG, f"subscriptions SET plan_version = 2 WHERE {OF_ORG}"),
    ("V4", CYD, f"subscriptions SET anchor_us = anchor_us - 3600000000 WHERE {OF_CYD}"),
    ("V6", CYD, f"subscriptions SET end_us = NULL WHERE {OF_CYD}"),
    ("V6", CYD, f"subscriptions SET id = id || 'x' WHERE {OF_CYD}"),
    ("V6", ORG, f"subscriptions SET start_us = start_us + 1 WHERE {OF_ORG}"),
    ("V6", CYD, f"DELETE FROM subscriptions WHERE {OF_CYD}"),
    (
        "V6",
        ORG,
        f"subscriptions SET pending_plan = 'team', pending_plan_version = 1, pending_us = 5 WHERE {OF_ORG}",
    ),
    ("V4", ORG, f"subscriptions SET trial_end_us = 1802900000000000 WHERE {OF_ORG}"),
    ("V6", BOB, f"{PLAN} ('{BOB}', 's', 'manual', 'pro', 1, 1, NULL, 1, NULL, NULL, NULL, NULL)"),
    ("V6", BOB, f"{PLAN} ('{BOB}', 's', 'manual', 'x', 1, 1, NULL, 1, NULL, NULL, NULL, NULL)"),
    ("V4", BOB, f"{PLAN} ('{BOB}', 's', 'manual', 'pro', 1, 1807000000000000, NULL, 1, NULL, NULL, NULL, NULL)"),
    ("V6", DAN, f"overrides SET included = 21 WHERE {OF_DAN} AND included = 20"),
    ("V6", DAN, f"overrides SET policy = 'hard_limit' WHERE {OF_DAN}"),
    ("V6", DAN, f"overrides SET policy = 'x' WHERE {OF_DAN}"),
    ("V6", CYD, """overrides SET rate = '{"price_nanos":1}' WHERE rate IS NOT NULL"""),
    ("V6", CYD, "overrides SET rate = 'x' WHERE rate IS NOT NULL"),
    ("V6", DAN, f"overrides SET meter = 'ai_tokens' WHERE {OF_DAN}"),
    ("V6", CYD, f"overrides SET from_us = from_us + 1 WHERE {OF_CYD}"),
    ("V6", DAN, f"overrides SET until_us = from_us + 5 WHERE {OF_DAN}"),
    ("V4", DAN, f"overrides SET until_us = 1807000000000000 WHERE {OF_DAN}"),
    ("V6", DAN, f"DELETE FROM overrides WHERE {OF_DAN}"),
    ("V4", CYD, f"segments SET start_us = start_us + 1 WHERE {OF_CYD} AND start_us = 1800694804000000"),
    ("V4", CYD, f"segments SET end_us = end_us + 1 WHERE {MIDDLE}"),
    ("V4", CYD, f"segments SET end_us = NULL WHERE {MIDDLE}"),
    ("V4", DAN, f"segments SET end_us = end_us + 1 WHERE {OF_DAN} AND start_us = 1802509204000000"),
    ("V4", DAN, f"segments SET period_start_us = start_us WHERE {OF_DAN} AND start_us = 1802509204000000"),
    ("V4", EVE, f"segments SET start_us = start_us + 1 WHERE {OF_EVE}"),
    ("V4", EVE, f"segments SET end_us = start_us + 5 WHERE {OF_EVE}"),
    ("V4", CYD, f"segments SET period_start_us = start_us WHERE {MIDDLE}"),
    ("V4", CYD, f"segments SET period_end_us = period_end_us + 1 WHERE {MIDDLE}"),
    ("V4", EVE, f"segments SET period_end_us = period_end_us + 1 WHERE {OF_EVE}"),
    ("V6", DAN, f"segments SET subscription = 'x' WHERE {OF_DAN}"),
    ("V6", CYD, f"segments SET subscription = NULL WHERE {MIDDLE}"),
    ("V6", DAN, f"segments SET plan = 'pro' WHERE {OF_DAN}"),
    ("V6", DAN, f"segments SET plan_version = 2 WHERE {OF_DAN}"),
    ("V6", EVE, f"segments SET terms = replace(terms, '[1000,', '[1001,') WHERE {OF_EVE}"),
    ("V6", EVE, f"""segments SET terms = replace(terms, '"plan":"hobby"', '"plan":"x"') WHERE {OF_EVE}"""),
    ("V6", EVE, f"segments SET terms = 'x' WHERE {OF_EVE}"),
    ("V6", "acct_x", f"segments SET account = 'acct_x' WHERE {OF_EVE}"),
    ("V4", CYD, f"DELETE FROM segments WHERE {MIDDLE}"),
    ("V4", EVE, f"DELETE FROM segments WHERE {OF_EVE}"),
    ("V4", CYD, f"counters SET carried = carried + 1 WHERE {CARRYING}"),
    ("V4", BOB, f"counters SET carried = 1 WHERE {OF_BOB} AND meter = 'api_calls'"),
    ("V4", DAN, f"counters SET carried = -1 WHERE {OF_DAN} AND meter = 'api_calls'"),
    ("V4", ADA, f"counters SET used = used + 1 WHERE {OF_ADA} AND meter = 'api_calls'"),
    ("V4", DAN, f"counters SET used = 9223372036854775807 WHERE {OF_DAN} AND meter = 'api_calls'"),
    ("V6", ADA, f"counters SET overage = overage - 1 WHERE {OF_ADA} AND meter = 'api_calls'"),
    ("V6", CYD, f"counters SET charged_nanos = charged_nanos + 1 WHERE {CARRYING}"),
    ("V4", ORG, f"counters SET meter = 'api_calls' WHERE {OF_ORG}"),
    ("V4", ORG, f"counters SET segment_start_us = 5 WHERE {OF_ORG}"),
    ("V4", EVE, f"INSERT INTO counters VALUES ('{EVE}', 5, 'api_calls', 0, 0, 0, 0, 0, 0)"),
    ("V4", EVE, f"counters SET account = '{EVE}' WHERE {OF_ORG}"),
    ("V4", DAN, f"DELETE FROM counters WHERE {OF_DAN} AND meter = 'api_calls'"),
    ("V4", CYD, f"DELETE FROM counters WHERE {OF_CYD} AND used = 0"),
    ("V4", DAN, f"operations SET quantity = quantity + 1 WHERE {CALLS}"),
    ("V4", DAN, f"operations SET quantity = 9223372036854775807 WHERE {OF_DAN} AND quantity > 0"),
    ("V4", ORG, f"operations SET quantity = 0 WHERE {MAIL}"),
    ("V6", ORG, f"operations SET quantity = NULL WHERE {MAIL}"),
    ("V4", ADA, f"operations SET overage = overage - 1 WHERE {DEBIT}"),
    ("V2", ADA, f"operations SET charged_nanos = charged_nanos - 1 WHERE {DEBIT}"),
    ("V2", ADA, f"operations SET charged_nanos = 0 WHERE {DEBIT}"),
    ("V2", DAN, f"operations SET charged_nanos = 9 WHERE {CALLS}"),
    ("V4", DAN, f"operations SET charged_nanos = -9 WHERE {CALLS}"),
    ("V4", DAN, f"operations SET meter = 'email_sends' WHERE {CALLS}"),
    ("V7", ORG, f"operations SET product = 'x' WHERE {MAIL}"),
    ("V4", DAN, f"operations SET segment_start_us = 5 WHERE {CALLS}"),
    ("V4", DAN, f"operations SET segment_start_us = NULL WHERE {CALLS}"),
    ("V4", DAN, f"operations SET event_at_us = event_at_us - 5 WHERE {CALLS}"),
    ("V6", ADA, f"operations SET event_at_us = event_at_us - 5 WHERE {DEBIT}"),
    ("V6", ADA, f"operations SET stored_at_us = stored_at_us - 1 WHERE {DEBIT}"),
    ("V4", ORG, f"operations SET stored_at_us = stored_at_us + 1 WHERE {MAIL}"),
    ("V4", CYD, "operations SET stored_at_us = stored_at_us + 1 WHERE idempotency_key = 'cyd/override use'"),
    ("V4", ORG, f"operations SET slice = slice + 1 WHERE {MAIL}"),
    ("V4", ORG, "operations SET slice = slice + 1 WHERE idempotency_key = 'org/pro'"),
    ("V6", ORG, "operations SET kind = 'x' WHERE idempotency_key = 'org/pro'"),
    ("V6", "acct_x", "operations SET account = 'acct_x' WHERE idempotency_key = 'org/pro'"),
    ("V4", ORG, f"operations SET kind = 'assign_plan' WHERE {MAIL}"),
    ("V6", ADA, f"operations SET kind = 'assign_plan' WHERE {DEBIT}"),
    ("V4", EVE, f"operations SET account = '{EVE}' WHERE {MAIL} AND {OF_ORG}"),
    ("V6", ADA, f"operations SET account = '{EVE}' WHERE {DEBIT} AND {OF_ADA}"),
    ("V6", "acct_0", f"operations SET account = 'acct_0' WHERE {MAIL} AND {OF_ORG}"),
    ("V6", ADA, f"operations SET idempotency_key = 'x' WHERE {DEBIT}"),
    ("V6", ADA, f"operations SET client = 'x' WHERE {DEBIT}"),
    ("V7", BOB, """operations SET sent = replace(sent, '"record"', '"enforce"') WHERE idempotency_key = 'bob/debt'"""),
    (
        "V7",
        DAN,
        f"""operations SET sent = replace(sent, '"record"', '"enforce"') WHERE {OF_DAN} AND product = 'talk'""",
    ),
    ("V7", BOB, f"""operations SET sent = replace(sent, '"record"', '"enforce"') WHERE {BEYOND}"""),
    ("V7", DAN, f"""operations SET sent = replace(sent, '"record"', '"enforce"') WHERE {OF_DAN} AND product = 'doc'"""),
    ("V6", ORG, f"operations SET sent = 'x' WHERE {MAIL}"),
    ("V6", ADA, """operations SET sent = replace(sent, '"priority":10,', '"priority":11,')"""),
    ("V6", ADA, "operations SET sent = replace(sent, ':-125', ':-135') WHERE kind = 'adjust_credits'"),
    ("V6", ADA, "operations SET sent = 'x' WHERE idempotency_key = 'ada/paid'"),
    ("V4", DAN, "operations SET quantity = quantity + 1 WHERE idempotency_key = 'dan/opening 0'"),
    ("V4", DAN, "operations SET quantity = 0 WHERE kind = 'open_usage'"),
    ("V4", DAN, "operations SET segment_start_us = 5 WHERE kind = 'open_usage'"),
    ("V4", DAN, "DELETE FROM operations WHERE idempotency_key = 'dan/opening 1'"),
    ("V4", ORG, f"DELETE FROM operations WHERE {MAIL}"),
    ("V6", ADA, f"DELETE FROM operations WHERE {DEBIT}"),
    ("V6", ADA, "DELETE FROM operations WHERE idempotency_key = 'ada/paid'"),
    ("V2", ADA, f"INSERT INTO {OPERATION} WHERE {DEBIT}"),
    ("V2", ADA, f"INSERT INTO {OPERATION} WHERE idempotency_key = 'ada/less'"),
    ("V4", DAN, f"INSERT INTO {OPERATION} WHERE {CALLS}"),
    ("V5", CYD, f"grants SET remaining_nanos = remaining_nanos - 1 WHERE {OF_CYD}"),
    ("V5", CYD, f"grants SET remaining_nanos = amount_nanos + 1 WHERE {OF_CYD}"),
    ("V5", CYD, f"grants SET amount_nanos = amount_nanos + 1 WHERE {OF_CYD}"),
    ("V6", ADA, "grants SET expires_us = NULL WHERE category = 'promotional'"),
    ("V5", CYD, f"grants SET expires_us = effective_us + 1 WHERE {OF_CYD}"),
    ("V6", BOB, "grants SET effective_us = effective_us - 1 WHERE effective_us > created_us"),
    ("V6", ADA, "grants SET priority = 500 WHERE priority = 10"),
    ("V6", ADA, "grants SET category = 'paid' WHERE category = 'promotional'"),
    ("V6", ADA, "grants SET category = 'x' WHERE category = 'promotional'"),
    ("V6", ADA, "grants SET meters = 'api_calls' WHERE meters = 'voice_minutes'"),
    ("V6", ADA, f"grants SET meters = 'voice_minutes' WHERE {OF_ADA} AND remaining_nanos > 0"),
    ("V5", BOB, f"grants SET meters = '' WHERE {OF_BOB} AND remaining_nanos > 0"),
    ("V6", CYD, f"grants SET created_us = created_us - 1 WHERE {OF_CYD}"),
    ("V6", EVE, f"grants SET account = '{EVE}' WHERE {OF_CYD}"),
    ("V6", "acct_9", f"grants SET account = 'acct_9' WHERE {OF_CYD}"),
    ("V6", CYD, f"DELETE FROM grants WHERE {OF_CYD}"),
    ("V6", ADA, "DELETE FROM grants WHERE category = 'promotional'"),
    ("V6", EVE, f"INSERT INTO grants VALUES ('{EVE}', 'g', 'paid', 1, 1, NULL, '', 5, 0, 1, 0, NULL)"),
    ("V2", ADA, f"ledger_entries SET amount_nanos = amount_nanos - 1 WHERE {BOOKED}"),
    ("V5", CYD, f"ledger_entries SET amount_nanos = amount_nanos + 1 WHERE {OF_CYD} AND cause_kind = 'grant'"),
    ("V5", ADA, f"ledger_entries SET balance_after_nanos = balance_after_nanos - 1 WHERE {BOOKED}"),
    ("V5", ADA, f"ledger_entries SET seq = seq + 1000 WHERE {BOOKED}"),
    (
        "V5",
        CYD,
        f"accounts SET ledger_seq = 9 WHERE id = '{CYD}'; ledger_entries SET seq = 9 WHERE {OF_CYD} AND seq = 8",
    ),
    ("V5", ADA, f"ledger_entries SET slice = slice - 1 WHERE {BOOKED}"),
    ("V6", ADA, f"ledger_entries SET booked_us = booked_us + 1 WHERE {BOOKED}"),
    ("V5", ADA, f"ledger_entries SET booked_us = 1 WHERE {OF_ADA} AND cause_kind = 'expiry'"),
    ("V6", ADA, f"ledger_entries SET effective_us = effective_us - 1 WHERE {BOOKED}"),
    ("V6", ADA, f"ledger_entries SET effective_us = effective_us - 1 WHERE {OF_ADA} AND cause_kind = 'expiry'"),
    ("V6", BOB, f"ledger_entries SET effective_us = 1 WHERE {OF_BOB} AND cause_kind = 'settlement'"),
    ("V7", ADA, f"ledger_entries SET grant_id = NULL WHERE {BOOKED}"),
    ("V5", CYD, f"ledger_entries SET grant_id = NULL WHERE {OF_CYD} AND cause_kind = 'grant'"),
    ("V6", ADA, f"ledger_entries SET grant_id = 'x' WHERE {BOOKED}"),
    ("V2", ADA, f"ledger_entries SET cause = 'ada/2' WHERE {BOOKED}"),
    ("V2", ADA, "ledger_entries SET cause = 'ada/batch 1' WHERE cause = 'ada/batch 3'"),
    ("V6", ADA, f"ledger_entries SET cause = 'x' WHERE {BOOKED}"),
    ("V6", ADA, f"ledger_entries SET cause = 'x' WHERE {OF_ADA} AND cause_kind = 'expiry'"),
    ("V6", ADA, f"ledger_entries SET cause_client = 'x' WHERE {BOOKED}"),
    ("V6", ADA, f"ledger_entries SET cause_kind = 'grant' WHERE {BOOKED}"),
    ("V6", ADA, f"ledger_entries SET cause_kind = 'x' WHERE {BOOKED}"),
    ("V6", ADA, f"ledger_entries SET cause_kind = 'settlement' WHERE {OF_ADA} AND cause_kind = 'expiry'"),
    ("V6", EVE, f"ledger_entries SET account = '{EVE}' WHERE {BOOKED} AND {OF_ADA}"),
    ("V6", "acct_9", f"ledger_entries SET account = 'acct_9' WHERE {BOOKED} AND {OF_ADA}"),
    ("V5", ADA, f"DELETE FROM ledger_entries WHERE {BOOKED}"),
    ("V2", BOB, f"DELETE FROM ledger_entries WHERE {OF_BOB} AND seq >= 14"),
    ("V6", BOB, f"DELETE FROM ledger_entries WHERE {OF_BOB} AND cause_kind = 'settlement' AND grant_id IS NULL"),
    ("V2", ADA, f"INSERT INTO {ENTRY} WHERE {OF_ADA} AND seq = 19"),
    ("V2", BOB, f"INSERT INTO {ENTRY} WHERE {OF_BOB} AND seq = 15"),
    ("V12", FAY, f"reservations SET quantity = 1, holds = '[]', held_nanos = 0 WHERE {OF_FAY} AND state = 'open'"),
    ("V12", FAY, f"reservations SET state = 'released' WHERE {OF_FAY} AND state = 'open'"),
    ("V12", FAY, f"reservations SET state = 'open' WHERE {OF_FAY} AND state = 'released'"),
    ("V12", FAY, f"reservations SET used = used + 1 WHERE {OF_FAY} AND {BY_CALL}"),
    ("V12", FAY, f"reservations SET state = 'expired' WHERE {OF_FAY} AND {BY_CALL}"),
    ("V4", FAY, f"reservations SET used = used + 1 WHERE {OF_FAY} AND {BY_ITSELF}"),
    ("V2", FAY, f"reservations SET charged_nanos = charged_nanos + 1 WHERE {OF_FAY} AND {BY_ITSELF}"),
    ("V12", FAY, f"reservations SET expires_us = 1 WHERE {OF_FAY} AND state = 'open'"),
    ("V12", FAY, f"DELETE FROM reservations WHERE {OF_FAY} AND state = 'open'"),
    ("V12", FAY, f"grants SET held_nanos = held_nanos - 1 WHERE {OF_FAY} AND held_nanos > 0"),
    ("V12", FAY, f"accounts SET held_nanos = held_nanos + 1 WHERE id = '{FAY}'"),
    ("V12", FAY, f"accounts SET open_reservations = 9 WHERE id = '{FAY}'"),
    ("V6", FAY, f"grants SET voided_us = NULL WHERE {OF_FAY} AND voided_us IS NOT NULL"),
    ("V2", FAY, f"DELETE FROM ledger_entries WHERE {OF_FAY} AND cause_kind = 'reservation'"),
    ("V6", GUS, "operations SET voided_by = NULL WHERE idempotency_key = 'gus/1'"),
    ("V6", GUS, "operations SET voided_by = 'x' WHERE idempotency_key = 'gus/1'"),
    ("V6", GUS, "operations SET voided_by = 'gus/void 1' WHERE idempotency_key = 'gus/0'"),
    ("V6", GUS, "operations SET sent = replace(sent, 'gus/1', 'gus/0') WHERE idempotency_key = 'gus/void 1'"),
    ("V4", GUS, "operations SET quantity = 19 WHERE idempotency_key = 'gus/void 1'"),
    ("V4", GUS, "operations SET stored_at_us = 1 WHERE idempotency_key = 'gus/void 1'"),
    ("V2", GUS, "operations SET charged_nanos = charged_nanos - 1 WHERE idempotency_key = 'gus/void debt'"),
    ("V4", GUS, "DELETE FROM operations WHERE idempotency_key = 'gus/void 1'"),
    ("V2", GUS, "DELETE FROM ledger_entries WHERE cause = 'gus/void 1'"),
    ("V6", GUS, "ledger_entries SET grant_id = 'grant_00000044' WHERE cause = 'gus/void 2'"),
    ("V4", HAL, f"counters SET level = level - 1 WHERE {OF_HAL}"),
    ("V4", HAL, f"counters SET used = used + 1 WHERE {OF_HAL} AND used > 0"),
    ("V4", HAL, f"counters SET carried = carried + 1 WHERE {OF_HAL} AND carried > 0"),
    ("V4", HAL, f"counters SET level_us = 0 WHERE {OF_HAL}"),
    ("V6", HAL, f"counters SET charged_nanos = charged_nanos + 1 WHERE {OF_HAL}"),
    ("V6", HAL, f"counters SET overage = overage - 1 WHERE {OF_HAL} AND overage > 0"),
    ("V4", HAL, "operations SET quantity = 90000 WHERE idempotency_key = 'hal/limit/0'"),
    ("V4", HAL, "operations SET charged_nanos = charged_nanos + 1 WHERE idempotency_key = 'hal/0'"),
    (
        "V7",
        HAL,
        """operations SET sent = replace(sent, '"record"', '"enforce"') WHERE idempotency_key = 'hal/limit/beyond'""",
    ),
    ("V2", HAL, f"DELETE FROM ledger_entries WHERE {OF_HAL} AND cause_kind = 'period_close'"),
    ("V2", HAL, f"ledger_entries SET cause = 'x/y' WHERE {OF_HAL} AND cause_kind = 'period_close'"),
    ("V6", HAL, f"ledger_entries SET effective_us = booked_us WHERE {OF_HAL} AND cause_kind = 'period_close'"),
    ("V6", GUS, "grants SET priority = 5 WHERE id = 'grant_00000047'"),
    ("V6", GUS, "ledger_entries SET cause_kind = 'void' WHERE cause_kind = 'voided_debt'"),
    ("V6", "acct_9", f"outbox SET account = 'acct_9' WHERE {OF_FAY} AND kind = 'reservation.expired'"),
    ("V6", FAY, f"outbox SET version = 999 WHERE {OF_FAY} AND kind = 'reservation.expired'"),
]


@dataclass(frozen=True, slots=True)
class Books:
    """Busy books without guards, and with a copy of every table to go back to."""

    url: str
    store: Store

    def change(self, *statements: str) -> int:
        """Runs statements in one transaction; returns how many rows the last one touched."""
        with create_engine(self.url, poolclass=NullPool).begin() as connection:
            connection.exec_driver_sql(UNGUARDED_SESSION[connection.dialect.name])
            return [connection.exec_driver_sql(statement).rowcount for statement in statements][-1]

    def prove(self) -> tuple[Summary, list[Finding]]:
        """The summary and the findings of a proof."""
        found: list[Finding] = []
        return verify(self.store, found.append), found


@pytest.fixture(scope="module", params=ENGINES)
def unguarded_books(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("busy") / "books.sqlite3"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        url = f"sqlite:///{path}"
    else:
        cluster: Cluster = request.getfixturevalue("postgres_cluster")
        url = cluster.create_database(f"busy{next(NUMBERS)}", request.getfixturevalue("postgres_template"))
    clock = Clock()
    core = build_core(open_store(url), clock=clock, new_id=Ids())
    keep_busy_books(core, clock)
    books = Books(url, core.store)
    books.change(*UNGUARDED[request.param], *(f"CREATE TABLE kept_{name} AS SELECT * FROM {name}" for name in TABLES))
    yield books
    close_core(core)


@pytest.fixture
def books(unguarded_books: Books) -> Iterator[Books]:
    """Busy books on each engine in turn, as they were kept, whatever other tests did to them."""
    yield unguarded_books
    restored = (f"INSERT INTO {name} SELECT * FROM kept_{name}" for name in TABLES)
    unguarded_books.change(*(f"DELETE FROM {name}" for name in TABLES), *restored)


def test_books_that_were_kept_are_right(books: Books) -> None:
    summary, found = books.prove()

    assert found == []
    assert summary == Summary(accounts=9, operations=113, entries=77, findings=0, invariants=INVARIANTS)


def test_empty_books_are_right(core: Core, database_url: str) -> None:
    assert Books(database_url, core.store).prove() == (Summary(0, 0, 0, 0, INVARIANTS), [])


def test_clients_and_keys_belong_to_no_account(core: Core, database_url: str) -> None:
    registry.create_client(
        core, call(), client_id="talk-backend", name="", idempotency_key="client", validate_only=False
    )

    summary, found = Books(database_url, core.store).prove()

    assert (summary.operations, found) == (1, [])


def test_a_correction_beside_what_reservations_hold_is_right(core: Core, database_url: str) -> None:
    """It takes what is not held and makes debt of the rest; from the rows nobody can tell what was held then."""
    make_user(core, "ada")
    give_credits(core, "ada", 10)
    wish = Wish(person("ada"), "talk", "voice_minutes", 60, None, OnExpiry.RELEASE, OverCommit.REFUSE, {})
    reservations.reserve(core, call(), wish, "held", False)
    credits.adjust_credits(
        core,
        call(),
        subject=person("ada"),
        amount_nanos=-12 * NANOS_PER_UNIT,
        currency="usd",
        reason="a test",
        idempotency_key="less",
        validate_only=False,
    )

    assert Books(database_url, core.store).prove()[1] == []


def test_a_proof_sees_one_instant_whoever_writes_meanwhile(core: Core) -> None:
    make_user(core, "ada")
    give_credits(core, "ada", 10)

    with auditing(core.store) as audit:
        before = audit.sizes()
        use(core, "ada", "meanwhile", 12)
        entries = [
            entry for evidence in audit.accounts() if isinstance(evidence, Evidence) for entry in evidence.entries
        ]

        assert (audit.sizes(), len(entries)) == (before, 1)
    with auditing(core.store) as audit:
        assert audit.sizes() == (1, before[1] + 1, 2)


def test_an_account_full_of_differences_does_not_fill_the_screen(core: Core, database_url: str) -> None:
    make_user(core, "ada")
    for number in range(FINDINGS_OF_AN_ACCOUNT_MAX + 5):
        use(core, "ada", f"{number}", meter="api_calls")
    books = Books(database_url, core.store)
    books.change("UPDATE operations SET slice = 1")

    _, found = books.prove()

    assert len(found) == FINDINGS_OF_AN_ACCOUNT_MAX


def test_books_that_cannot_be_read_to_the_end_are_not_called_right(core: Core, database_url: str) -> None:
    books = Books(database_url, core.store)
    books.change("ALTER TABLE ledger_entries RENAME TO elsewhere")

    with pytest.raises(StoreUnavailable):
        books.prove()


@pytest.mark.parametrize(("invariant", "account_id", "what"), CORRUPTIONS, ids=[item[2] for item in CORRUPTIONS])
def test_a_corruption_is_named(books: Books, invariant: str, account_id: str, what: str) -> None:
    statements = [part if part.startswith(("DELETE", "INSERT")) else f"UPDATE {part}" for part in what.split("; ")]
    assert books.change(*statements) > 0

    _, found = books.prove()

    assert (invariant, account_id) in {(finding.invariant, finding.account_id) for finding in found}, found
    if "catalog_versions" not in what:
        innocent = {ADA, BOB, CYD, DAN, EVE, FAY, GUS, HAL, ORG} - {account_id} - set(re.findall(r"acct_\d+", what))
        assert [finding for finding in found if finding.account_id in innocent] == []


def test_each_table_and_invariant_has_a_corruption() -> None:
    tables = {re.sub(r"^(DELETE FROM|INSERT INTO) ", "", what).split()[0] for _, _, what in CORRUPTIONS}

    assert tables == {
        "accounts", "catalog_versions", "counters", "grants", "ledger_entries", "memberships", "operations",
        "organizations", "outbox", "overrides", "reservations", "segments", "subscriptions", "users",
    }  # fmt: skip
    assert {invariant for invariant, _, _ in CORRUPTIONS} == set(INVARIANTS)

"""What each call takes: one row per method; a method without its row cannot be served (requirement I3)."""

from collections.abc import Mapping
from typing import NamedTuple

from tollhoused.domain.keys import Scope


class Access(NamedTuple):
    """What a key needs for a call: a scope, None for any of them.

    With `every_product` also that it speaks for every product: who makes keys could give them what its own lacks, and
    who erases people takes them from all products. Where a request names a product, its use case asks for that one.
    `items` is the request's repeated field whose entries count against the client's rate, one by one; without it the
    call counts as one.
    """

    scope: Scope | None
    every_product: bool = False
    items: str = ""


ANY = Access(None)
READ = Access(Scope.ENTITLEMENTS_READ)
USE = Access(Scope.USAGE_WRITE)
CREDIT = Access(Scope.CREDITS_WRITE)
ADMINISTER = Access(Scope.ADMIN)
RULE = Access(Scope.ADMIN, every_product=True)

ACCESS: Mapping[str, Access] = {
    "tollhouse.v1.EntitlementService/GetEntitlement": READ,
    "tollhouse.v1.EntitlementService/BatchGetEntitlements": READ._replace(items="subjects"),
    "tollhouse.v1.EntitlementService/CheckFeature": READ,
    "tollhouse.v1.EntitlementService/CheckUsage": READ,
    "tollhouse.v1.EntitlementService/WatchEntitlements": READ,
    "tollhouse.v1.UsageService/RecordUsage": USE,
    "tollhouse.v1.UsageService/BatchRecordUsage": USE._replace(items="items"),
    "tollhouse.v1.UsageService/StreamUsage": USE,
    "tollhouse.v1.UsageService/SetUsage": USE,
    "tollhouse.v1.UsageService/VoidUsage": USE,
    "tollhouse.v1.UsageService/ListUsageEvents": READ,
    "tollhouse.v1.UsageService/QueryUsage": READ,
    "tollhouse.v1.UsageService/GetOperation": ANY,
    "tollhouse.v1.ReservationService/ReserveUsage": USE,
    "tollhouse.v1.ReservationService/ExtendReservation": USE,
    "tollhouse.v1.ReservationService/CommitReservation": USE,
    "tollhouse.v1.ReservationService/ReleaseReservation": USE,
    "tollhouse.v1.ReservationService/GetReservation": READ,
    "tollhouse.v1.ReservationService/ListReservations": READ,
    "tollhouse.v1.CreditsService/VoidGrant": CREDIT,
    "tollhouse.v1.CreditsService/GetBalance": READ,
    "tollhouse.v1.CreditsService/ListGrants": READ,
    "tollhouse.v1.CreditsService/ListLedgerEntries": READ,
    "tollhouse.v1.CreditsService/GrantCredits": CREDIT,
    "tollhouse.v1.CreditsService/AdjustCredits": CREDIT,
    "tollhouse.v1.CreditsService/CreateTopUp": CREDIT,
    "tollhouse.v1.CreditsService/GetTopUp": READ,
    "tollhouse.v1.CreditsService/GetAutoReload": READ,
    "tollhouse.v1.CreditsService/SetAutoReload": CREDIT,
    "tollhouse.v1.CreditsService/ResumeAutoReload": CREDIT,
    "tollhouse.v1.AccountService/GetAccount": READ,
    "tollhouse.v1.AccountService/UpsertUser": ADMINISTER,
    "tollhouse.v1.AccountService/UpsertOrganization": ADMINISTER,
    "tollhouse.v1.AccountService/AddMember": ADMINISTER,
    "tollhouse.v1.AccountService/RemoveMember": ADMINISTER,
    "tollhouse.v1.AccountService/ListMembers": ADMINISTER,
    "tollhouse.v1.AccountService/EraseUser": RULE,
    "tollhouse.v1.SubscriptionService/ListPlans": READ,
    "tollhouse.v1.SubscriptionService/AssignPlan": ADMINISTER,
    "tollhouse.v1.SubscriptionService/UnassignPlan": ADMINISTER,
    "tollhouse.v1.SubscriptionService/CancelPendingPlanChange": CREDIT,
    "tollhouse.v1.SubscriptionService/GetPlanState": READ,
    "tollhouse.v1.SubscriptionService/StartCheckout": CREDIT,
    "tollhouse.v1.SubscriptionService/ChangePlan": CREDIT,
    "tollhouse.v1.SubscriptionService/CancelSubscription": CREDIT,
    "tollhouse.v1.SubscriptionService/ResumeSubscription": CREDIT,
    "tollhouse.v1.SubscriptionService/PreviewPlanChange": READ,
    "tollhouse.v1.SubscriptionService/CreatePortalSession": CREDIT,
    "tollhouse.v1.SubscriptionService/CreatePaymentLink": CREDIT,
    "tollhouse.v1.SubscriptionService/SetOverride": ADMINISTER,
    "tollhouse.v1.SubscriptionService/RemoveOverride": ADMINISTER,
    "tollhouse.v1.EventService/ListEvents": READ._replace(every_product=True),
    "tollhouse.v1.EventService/WatchEvents": READ._replace(every_product=True),
    "tollhouse.v1.AdminService/CreateClient": RULE,
    "tollhouse.v1.AdminService/ListClients": RULE,
    "tollhouse.v1.AdminService/CreateKey": RULE,
    "tollhouse.v1.AdminService/ListKeys": RULE,
    "tollhouse.v1.AdminService/RotateKey": RULE,
    "tollhouse.v1.AdminService/RevokeKey": RULE,
    "tollhouse.v1.AdminService/CreateEventEndpoint": RULE,
    "tollhouse.v1.AdminService/ListEventEndpoints": RULE,
    "tollhouse.v1.AdminService/RotateEventEndpoint": RULE,
    "tollhouse.v1.AdminService/DeleteEventEndpoint": RULE,
    "tollhouse.v1.AdminService/ListAuditEntries": RULE,
    "tollhouse.v1.AdminService/GetTestClock": RULE,
    "tollhouse.v1.AdminService/AdvanceTestClock": RULE,
}

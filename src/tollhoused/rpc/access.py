"""What each call takes: one row per method; a method without its row cannot be served (requirement I3)."""

from collections.abc import Mapping

from tollhoused.domain.keys import Scope

READ = Scope.ENTITLEMENTS_READ

SCOPES: Mapping[str, Scope] = {
    "tollhouse.v1.EntitlementService/GetEntitlement": READ,
    "tollhouse.v1.EntitlementService/BatchGetEntitlements": READ,
    "tollhouse.v1.EntitlementService/CheckFeature": READ,
    "tollhouse.v1.EntitlementService/CheckUsage": READ,
    "tollhouse.v1.UsageService/RecordUsage": Scope.USAGE_WRITE,
    "tollhouse.v1.UsageService/BatchRecordUsage": Scope.USAGE_WRITE,
    "tollhouse.v1.UsageService/ListUsageEvents": READ,
    "tollhouse.v1.UsageService/GetOperation": READ,
    "tollhouse.v1.CreditsService/GetBalance": READ,
    "tollhouse.v1.CreditsService/ListGrants": READ,
    "tollhouse.v1.CreditsService/ListLedgerEntries": READ,
    "tollhouse.v1.CreditsService/GrantCredits": Scope.CREDITS_WRITE,
    "tollhouse.v1.CreditsService/AdjustCredits": Scope.CREDITS_WRITE,
    "tollhouse.v1.AccountService/GetAccount": READ,
    "tollhouse.v1.AccountService/UpsertUser": Scope.ADMIN,
    "tollhouse.v1.AccountService/UpsertOrganization": Scope.ADMIN,
    "tollhouse.v1.SubscriptionService/ListPlans": READ,
    "tollhouse.v1.SubscriptionService/AssignPlan": Scope.ADMIN,
    "tollhouse.v1.SubscriptionService/UnassignPlan": Scope.ADMIN,
    "tollhouse.v1.SubscriptionService/SetOverride": Scope.ADMIN,
    "tollhouse.v1.SubscriptionService/RemoveOverride": Scope.ADMIN,
    "tollhouse.v1.AdminService/CreateClient": Scope.ADMIN,
    "tollhouse.v1.AdminService/ListClients": Scope.ADMIN,
    "tollhouse.v1.AdminService/CreateKey": Scope.ADMIN,
    "tollhouse.v1.AdminService/ListKeys": Scope.ADMIN,
    "tollhouse.v1.AdminService/RotateKey": Scope.ADMIN,
    "tollhouse.v1.AdminService/RevokeKey": Scope.ADMIN,
    "tollhouse.v1.AdminService/ListAuditEntries": Scope.ADMIN,
}

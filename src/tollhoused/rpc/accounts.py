"""AccountService: accounts, and the people and organizations that they are found by."""

from tollhouse.v1 import account_service_pb2 as pb

from tollhoused.rpc import answers, decode, encode
from tollhoused.rpc.encode import MATCHED_BY
from tollhoused.usecases import accounts, erasing, members, pages
from tollhoused.usecases.accounts import AccountView
from tollhoused.usecases.core import Call, Core


class AccountServicer:
    """The methods of the service."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def UpsertUser(self, request: pb.UpsertUserRequest, call: Call) -> pb.UpsertUserResponse:
        settled = accounts.upsert_user(
            self._core,
            call,
            user_id=request.user_id,
            email=request.email,
            zone=request.zone,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return answers.upsert_user(settled.answer, settled.replayed)

    def UpsertOrganization(self, request: pb.UpsertOrganizationRequest, call: Call) -> pb.UpsertOrganizationResponse:
        settled = accounts.upsert_organization(
            self._core,
            call,
            org_id=request.org_id,
            zone=request.zone,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return answers.upsert_organization(settled.answer, settled.replayed)

    def AddMember(self, request: pb.AddMemberRequest, call: Call) -> pb.AddMemberResponse:
        settled = members.add_member(
            self._core,
            call,
            user_id=request.user_id,
            email=request.email,
            org_id=request.org_id,
            is_primary=request.is_primary,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return answers.add_member(settled.answer, settled.replayed)

    def RemoveMember(self, request: pb.RemoveMemberRequest, call: Call) -> pb.RemoveMemberResponse:
        settled = members.remove_member(
            self._core,
            call,
            user_id=request.user_id,
            email=request.email,
            org_id=request.org_id,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return answers.remove_member(settled.answer, settled.replayed)

    def ListMembers(self, request: pb.ListMembersRequest, call: Call) -> pb.ListMembersResponse:
        account_id, found, token = members.list_members(
            self._core, request.org_id, pages.page_size(request.page_size), request.page_token
        )
        return pb.ListMembersResponse(
            account_id=account_id,
            members=[
                pb.Member(
                    identity=pb.Identity(user_id=member.user.user_id, email=member.user.email),
                    is_primary=member.membership.is_primary,
                )
                for member in found
            ],
            next_page_token=token,
        )

    def EraseUser(self, request: pb.EraseUserRequest, call: Call) -> pb.EraseUserResponse:
        settled = erasing.erase_user(
            self._core,
            call,
            user_id=request.user_id,
            email=request.email,
            idempotency_key=request.idempotency_key,
            validate_only=request.validate_only,
        )
        return answers.erase_user(settled.answer, settled.replayed)

    def GetAccount(self, request: pb.GetAccountRequest, call: Call) -> pb.GetAccountResponse:
        return _view(accounts.get_account(self._core, decode.subject(request.subject)))


def _view(view: AccountView) -> pb.GetAccountResponse:
    account = view.account
    people = [pb.Identity(user_id=user.user_id, email=user.email) for user in view.users]
    organizations = [pb.Identity(org_id=organization.org_id) for organization in view.organizations]
    return pb.GetAccountResponse(
        account=answers.account(account.id, account.kind, account.currency, account.zone, account.anchor_us),
        matched_by=MATCHED_BY[view.match.matched_by],
        identities=people + organizations,
        subscriptions=[
            encode.subscription(
                subscription_id=item.id,
                provider=item.provider,
                plan=item.plan,
                plan_version=item.plan_version,
                start_us=item.start_us,
                end_us=item.end_us,
                anchor_us=item.anchor_us,
                counts=item.id == view.counting,
                status=item.status(account.as_of_us),
                trial_end_us=item.trial_end_us,
                pending=item.pending,
            )
            for item in view.subscriptions
        ],
        overrides=[
            encode.override(
                override_id=item.id,
                meter=item.meter,
                included=item.included,
                policy=item.policy,
                price=item.rate,
                from_us=item.from_us,
                until_us=item.until_us,
            )
            for item in view.overrides
        ],
        memberships=[answers.membership(item.account_id, item.org_id, item.is_primary) for item in view.memberships],
    )

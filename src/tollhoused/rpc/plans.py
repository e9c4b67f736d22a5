"""Plans and meters of the catalogue as the contract shows them."""

from collections.abc import Mapping

from tollhouse.v1 import subscription_service_pb2 as pb

from tollhoused.domain.catalogue import Meter, OnUnavailable, Plan, Policy
from tollhoused.rpc import encode
from tollhoused.rpc.encode import INTERVALS, METER_KINDS, POLICIES

ON_UNAVAILABLE: Mapping[OnUnavailable, pb.OnUnavailable] = {
    OnUnavailable.ALLOW: pb.ON_UNAVAILABLE_ALLOW,
    OnUnavailable.DENY: pb.ON_UNAVAILABLE_DENY,
}


def plan_message(plan: Plan) -> pb.Plan:
    return pb.Plan(
        code=plan.code,
        name=plan.name,
        rank=plan.rank,
        prices=[
            pb.PlanPrice(interval=INTERVALS[price.interval], amount_nanos=price.amount_nanos) for price in plan.prices
        ],
        features=sorted(plan.features),
        meters=[
            pb.PlanMeter(
                meter=code,
                included=terms.included,
                policy=POLICIES[terms.policy],
                rate=encode.rate(terms.rate) if terms.policy is Policy.CREDITS else None,
            )
            for code, terms in sorted(plan.meters.items())
        ],
        credits=[
            pb.PlanCredits(
                code=credits.code,
                amount_nanos=credits.amount_nanos,
                category=encode.CATEGORIES[credits.category],
                priority=credits.priority,
                meters=sorted(credits.meters),
                lasts_days=credits.lasts_days,
            )
            for credits in sorted(plan.credits, key=lambda credits: credits.code)
        ],
    )


def meter_message(meter: Meter) -> pb.Meter:
    return pb.Meter(
        code=meter.code,
        kind=METER_KINDS[meter.kind],
        unit=meter.unit,
        aliases=sorted(meter.aliases),
        max_quantity=meter.max_quantity,
        on_unavailable=ON_UNAVAILABLE[meter.on_unavailable],
    )

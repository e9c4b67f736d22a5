"""Makes the desk of the payment provider that the settings name."""

from tollhoused.cli.program import CommandFailed
from tollhoused.domain.instants import DAY_US
from tollhoused.observing import ProviderObserver
from tollhoused.providers.provider import Provider
from tollhoused.settings import Settings
from tollhoused.usecases.desk import Desk


def desk_of(settings: Settings, observer: ProviderObserver | None = None) -> Desk | None:
    """The desk, None where no provider is set. Nothing is asked yet.

    Raises SettingsError for a key of the other environment, CommandFailed where the provider's library is missing.
    """
    if not settings.provider:
        return None
    settings.check_key_environment()
    return Desk(
        _stripe(settings),
        return_origins=frozenset(settings.origins),
        grace_us=settings.past_due_grace_days * DAY_US,
        observer=observer or ProviderObserver(),
    )


def _stripe(settings: Settings) -> Provider:
    from tollhoused.providers.stripe.provider import StripeProvider  # only where it is wanted: it has much to import

    try:
        return StripeProvider(settings.stripe_api_key, base_url=settings.stripe_api_base)
    except ImportError as error:
        raise CommandFailed(f"provider: {error.name} is missing: install tollhouse[stripe]") from error

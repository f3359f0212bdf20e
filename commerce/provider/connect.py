"""Connect: the gateway to the payment provider, as the settings want it."""

from commerce.provider.limits import UNATTENDED_WAIT_S, Limits
from commerce.provider.local_turnstile import LocalTurnstile
from commerce.provider.token_bucket import TokenBucket
from commerce.settings import Settings
from orders.payments.no_provider import no_provider
from orders.payments.port import PaymentGateway, Turnstile
from orders.payments.stripe_gateway import SEARCH, StripeGateway


def connect(settings: Settings, *, wait_s: int = UNATTENDED_WAIT_S) -> PaymentGateway:
    """A gateway for one event loop. Without an account at the provider, one whose every answer is "not now".

    Where somebody waits for the answers, `wait_s` is how long they may stand in line. Work that nobody waits for takes
    only places that are near, so that behind ten thousand charges a buyer stands two seconds and not eight.
    """
    account = settings.stripe
    if account is None:
        return no_provider()
    limits = Limits(account.rate, account.endpoint_rate, wait_s=wait_s, of={SEARCH: account.search_rate})
    return StripeGateway(
        account.api_key,
        publishable_key=account.publishable_key or "",
        webhook_secrets=account.webhook_secrets,
        base=account.api_base,
        turnstile=_turnstile(settings, limits),
    )


def _turnstile(settings: Settings, limits: Limits) -> Turnstile:
    """Whoever has no Redis keeps to a share of the limits as if it were away: others may ask meanwhile."""
    processes = settings.api_processes + settings.workers
    if settings.redis_url is None:
        return LocalTurnstile(limits, processes=processes)
    return TokenBucket.at(settings.redis_url, limits, processes=processes)

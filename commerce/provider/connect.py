"""Connect: the gateway to the payment provider, as the settings want it."""

from commerce.provider.limits import Limits
from commerce.provider.token_bucket import TokenBucket
from commerce.settings import Settings
from orders.payments.no_provider import no_provider
from orders.payments.port import PaymentGateway, Turnstile
from orders.payments.stripe_gateway import StripeGateway


def connect(settings: Settings) -> PaymentGateway:
    """A gateway for one event loop. Without an account at the provider, one whose every answer is "not now"."""
    account = settings.stripe
    if account is None:
        return no_provider()
    turnstile: Turnstile | None = None
    if settings.redis_url is not None:
        limits = Limits(account.rate, account.endpoint_rate)
        turnstile = TokenBucket.at(settings.redis_url, limits, processes=settings.api_processes + settings.workers)
    return StripeGateway(
        account.api_key,
        publishable_key=account.publishable_key or "",
        webhook_secrets=account.webhook_secrets,
        base=account.api_base,
        turnstile=turnstile,
    )

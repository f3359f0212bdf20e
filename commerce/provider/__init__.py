"""Provider: the way to whoever moves the money, from settings to a call that may go out.

Owns      the rate limit before the provider, its keys in Redis, and how the gateway is put together.
Does not  know orders, payments or amounts; an endpoint is only a name here.
Promises  no second has more calls than the provider allows, whoever asks, while Redis stays there or stays away; nobody
          who waits is overtaken.
Tells     nothing.
"""

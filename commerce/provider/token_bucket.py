"""The rate limit before the provider, shared by all processes through Redis.

Whoever asks is given a slot: the instant at which its call may go. It is reserved at once and waited for, so all who
ask together leave one after the other, in the order of asking, without asking twice. The libraries looked at (limits,
throttled-py and pyrate-limiter, 2026-11) answer yes or no: whoever hears no asks again later, whoever comes then may be
quicker; none of them takes from two limits in one step. A slot that is too far away is not given: long lines stand in
the database, where they are kept.

An endpoint's slots stand one behind the other. The limit over all endpoints is a calendar of cells, one slot at the
beginning of each, so that an endpoint with a long queue leaves the cells between its slots to the others. The
provider's answer 429 stays the last resort: for calls that leave later than they may, and for the moment in which Redis
comes or goes.
"""

import asyncio
from collections.abc import Awaitable
from typing import cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from commerce.kernel.refusals import Busy
from commerce.provider.limits import SECOND_US, Limits
from commerce.provider.local_bucket import LocalBucket
from commerce.provider.watch import SteadyWatch, Watch

PATIENCE_S = 0.5
"""A Redis that takes longer is as good as away."""
TRY_AGAIN_US = 1 * SECOND_US

PREFIX = "commerce:{stripe}:"
"""The braces keep all keys on one node of a cluster, as a script needs them."""

_log = structlog.get_logger()

_RESERVE = """
local free_key, calendar = KEYS[1], KEYS[2]
local gap, cell_us, wait_most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local known, behind, now = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local PAGE = 4096
if now < 0 then
    local time = redis.call('TIME')
    now = time[1] * 1000000 + time[2]
end

-- The first cell without a slot, from the endpoint's next one on. Bits behind the end of a page make it a whole one.
local start = math.max(now + behind, known, tonumber(redis.call('GET', free_key) or 0))
local first = math.ceil(start / cell_us)
local cell, key, bit = first, nil, -1
while bit < 0 do
    local page = math.floor(cell / PAGE)
    if cell * cell_us - now > wait_most then
        return {-1, '0'}
    end
    key = calendar .. string.format('%.0f', page)
    redis.call('SETBIT', key, PAGE, 0)
    redis.call('PEXPIRE', key, math.ceil(((page + 1) * PAGE * cell_us - now) / 1000) + 1000)
    bit = redis.call('BITPOS', key, 0, cell % PAGE, PAGE - 1, 'BIT')
    cell = bit < 0 and (page + 1) * PAGE or page * PAGE + bit
end
local slot = cell * cell_us
if slot - now > wait_most then
    return {-1, '0'}
end

-- Whom others keep waiting begins the line's time anew: it never runs ahead of what was had.
redis.call('SETBIT', key, bit, 1)
local free = string.format('%.0f', (cell == first and start or slot) + gap)
redis.call('SET', free_key, free, 'PX', math.ceil((slot + gap - now) / 1000) + 1000)
return {slot - now, free}
"""


class TokenBucket:
    """A turnstile for calls to the provider: `pass_through` returns when the call may go. One for each event loop.

    Without Redis it goes on with this process's share, a part of `processes`, and returns when Redis does. A `watch`
    that is handed in is believed to tell Redis' time as well; else Redis has its own.
    """

    def __init__(self, redis: Redis, limits: Limits, *, processes: int, watch: Watch | None = None) -> None:
        self._redis = redis
        self._reserve = redis.register_script(_RESERVE)
        self._limits = limits
        self._local = LocalBucket(limits, processes)
        self._watch: Watch = watch or SteadyWatch()
        self._told = watch is not None
        self._turn = asyncio.Lock()
        self._known: dict[str, int] = {}
        self._local_until: dict[str, int] = {}
        self._away_until: int | None = None

    @classmethod
    def at(cls, redis_url: str, limits: Limits, *, processes: int) -> "TokenBucket":
        """A turnstile on the Redis there. Its keys stand beside the queue's: few, small, and each ends by itself."""
        # A line that Redis closed for being idle is no outage, so there is a second try, at once.
        again = Retry(NoBackoff(), 1)
        redis = Redis.from_url(redis_url, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S, retry=again)
        return cls(redis, limits, processes=processes)

    async def pass_through(self, endpoint: str) -> None:
        """Come back when the call may go. Raises Busy, at once, when that is more than the longest wait away.

        Whoever is cancelled meanwhile leaves a slot that nobody uses.
        """
        await self._watch.wait_until(await self.reserve(endpoint))

    async def reserve(self, endpoint: str) -> int:
        """The next slot of this endpoint, in the order of asking, as an instant of our watch. Raises Busy as above."""
        async with self._turn:  # One at a time: it keeps the order, and a crowd needs no crowd of connections.
            if self._away_until is None or self._watch.now_us() >= self._away_until:
                try:
                    return await self._reserve_shared(endpoint)
                except (RedisError, OSError) as error:
                    self._go_alone(error)
            now = self._watch.now_us()
            instant = self._local.reserve(endpoint, now)
            self._local_until[endpoint] = self._local.free_at(endpoint)
            return instant

    async def close(self) -> None:
        """Hang up."""
        await self._redis.aclose()

    async def _reserve_shared(self, endpoint: str) -> int:
        limits, asked = self._limits, self._watch.now_us()
        # What this process has been given, and is still to come, counts even where Redis has forgotten it: after a
        # flush nobody overtakes.
        known = self._known.get(endpoint, 0) if self._local.free_at(endpoint) > asked else 0
        behind = max(0, self._local_until.get(endpoint, 0) - asked)
        cell_us = limits.cell_us()
        words = [limits.gap_us(endpoint), cell_us, limits.wait_us, known, behind]
        async with asyncio.timeout(PATIENCE_S):
            keys = [f"{PREFIX}free:{endpoint}", f"{PREFIX}calendar:{cell_us}:"]
            answer = await cast("Awaitable[list[bytes]]", self._reserve(keys, [*words, asked if self._told else -1]))
        self._come_back()
        wait, free = int(answer[0]), answer[1]
        if wait < 0:
            raise Busy
        # Counted from when the answer is here, which is later than when it was given: never too early.
        slot = self._watch.now_us() + wait
        self._known[endpoint] = max(self._known.get(endpoint, 0), int(free))
        self._local.queue_behind(endpoint, slot)
        return slot

    def _go_alone(self, error: Exception) -> None:
        if self._away_until is None:
            _log.warning("turnstile_alone", error=repr(error)[:300])
        self._away_until = self._watch.now_us() + TRY_AGAIN_US

    def _come_back(self) -> None:
        if self._away_until is not None:
            _log.info("turnstile_shared_again")
            self._away_until = None

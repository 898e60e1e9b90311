-- Buckets in Redis: window.rs once more, and the reservations that are open.
--
-- KEYS    per ask: the bucket, a hash; its reservations, a sorted set by the time at which they lapse (both in one slot)
-- ARGV    what to do, the time in milliseconds ('' for the server's), the time to lapse, the reservation's id,
--         then per ask: index, amount, limit, kind, span (or offset), soft
-- Returns per ask: granted, used, reset, wait (-1: never)
--
-- Fields of the hash: u, t, r level, time and remainder of a bucket; s slices; p, u number and count of a calendar period;
--   h:ID what a reservation took ("amount@when,…"), l:ID one that lapsed (and when it took), x:ID one that was settled without being known.
-- Settling takes the reservation away first, so that doing it twice changes nothing. That it deletes before it writes also lets it through
-- where Redis has no memory left: a script that has written is not stopped.
local op, lapse, id = ARGV[1], tonumber(ARGV[3]), ARGV[4]
local now = tonumber(ARGV[2])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local EXACT, MARK, DAY = 9007199254740992, 86400000, 86400000
local function text(n) return string.format('%.0f', n) end
local function floor(n) return math.floor(n) end

-- Quotient and remainder of (a * b + c) / d, exact also where the product is not. c < d < 2^53.
local function muldiv(a, b, c, d)
  local p = a * b + c
  if p < EXACT then
    local q = floor(p / d)
    local r = p - q * d
    if r < 0 then q, r = q - 1, r + d elseif r >= d then q, r = q + 1, r - d end
    return q, r
  end
  local bq, br, q, r, bit = floor(b / d), b % d, 0, 0, 2 ^ 52
  while bit > a do bit = bit / 2 end
  while bit >= 1 do
    q, r = q * 2, r * 2
    if r >= d then q, r = q + 1, r - d end
    if a >= bit then
      a, q, r = a - bit, q + bq, r + br
      if r >= d then q, r = q + 1, r - d end
    end
    bit = bit / 2
  end
  r = r + c
  if r >= d then q, r = q + 1, r - d end
  return q, r
end

-- Calendar: number of the period and its end.
local function first_day(month)
  local m = month - 2
  local year, from_march = floor(m / 12), m % 12
  local era, of_era_year = floor(year / 400), year % 400
  local of_year = floor((153 * from_march + 2) / 5)
  return era * 146097 + of_era_year * 365 + floor(of_era_year / 4) - floor(of_era_year / 100) + of_year - 719468
end
local function month_of(day)
  local z = day + 719468
  local era, e = floor(z / 146097), z % 146097
  local y = floor((e - floor(e / 1460) + floor(e / 36524) - floor(e / 146096)) / 365)
  local of_year = e - (365 * y + floor(y / 4) - floor(y / 100))
  return (y + era * 400) * 12 + floor((5 * of_year + 2) / 153) + 2
end
local function period(b)
  local offset = b.span * 60000
  local day = floor((now + offset) / DAY)
  if b.kind == 'week' then
    local week = floor((day + 3) / 7)
    return week, ((week + 1) * 7 - 3) * DAY - offset
  elseif b.kind == 'month' then
    local month = month_of(day)
    return month, first_day(month + 1) * DAY - offset
  end
  return day, (day + 1) * DAY - offset
end

local function length(b) return math.max(math.ceil(b.span / 20), 1) end
local function ends(b, number) return (number + 1) * length(b) + b.span end

local function take(b, amount)
  b.u, b.dirty = b.u + amount, true
  if b.kind == 'bucket' then return 0 end
  if b.kind ~= 'sliding' then return b.p end
  local number, last = floor(now / length(b)), b.slices[#b.slices]
  if last and last[1] >= number then
    last[2] = last[2] + amount
    return last[1]
  end
  if amount > 0 then b.slices[#b.slices + 1] = { number, amount } end
  return number
end

local function give(b, amount, when)
  b.dirty = true
  if b.kind == 'sliding' then
    for i, slice in ipairs(b.slices) do
      if slice[1] == when then
        local back = math.min(amount, slice[2])
        slice[2], b.u = slice[2] - back, b.u - back
        if slice[2] == 0 then table.remove(b.slices, i) end
        return
      end
    end
  elseif b.kind == 'bucket' then
    b.u = math.max(b.u - amount, 0)
    if b.u == 0 then b.r = 0 end
  elseif b.p == when then
    b.u = math.max(b.u - amount, 0)
  end
end

local function charge(b, amount, when)
  local over = b.kind ~= 'bucket' and b.kind ~= 'sliding' and when and when ~= b.p
  if amount > 0 and not over then take(b, amount) end
end

local function parts_of(record)
  local parts = {}
  for amount, when in string.gmatch(record, '(%d+)@(%-?%d+)') do
    parts[#parts + 1] = { tonumber(amount), tonumber(when) }
  end
  return parts
end

local function roll(b)
  local present
  if b.kind == 'bucket' then
    local f = redis.call('HMGET', b.state, 'u', 't', 'r')
    b.u, b.t, b.r = tonumber(f[1]) or 0, tonumber(f[2]) or now, tonumber(f[3]) or 0
    local passed = now - b.t
    if passed > 0 and b.limit > 0 then
      if passed / b.span > b.u / b.limit + 1 then
        b.u, b.r = 0, 0
      else
        local whole, rest = muldiv(passed, b.limit, b.r, b.span)
        if whole >= b.u then b.u, b.r = 0, 0 else b.u, b.r = b.u - whole, rest end
      end
    end
    b.t = math.max(b.t, now)
  elseif b.kind == 'sliding' then
    b.u, b.slices = 0, {}
    for number, count in string.gmatch(redis.call('HGET', b.state, 's') or '', '(%d+):(%d+)') do
      number, count = tonumber(number), tonumber(count)
      if ends(b, number) > now then
        b.slices[#b.slices + 1], b.u = { number, count }, b.u + count
      end
    end
  else
    local f = redis.call('HMGET', b.state, 'p', 'u')
    present, b.ends = period(b)
    b.p, b.u = tonumber(f[1]) or present, tonumber(f[2]) or 0
    if present > b.p then b.p, b.u = present, 0 end
  end
end

local function lapsed(b)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', b.holds, '-inf', now, 'LIMIT', 0, 64)) do
    local record = redis.call('HGET', b.state, member)
    redis.call('HDEL', b.state, member)
    redis.call('ZREM', b.holds, member)
    if record and string.sub(member, 1, 2) == 'h:' then
      local when = 0
      for _, part in ipairs(parts_of(record)) do
        give(b, part[1], part[2])
        when = part[2]
      end
      local mark = 'l:' .. string.sub(member, 3)
      redis.call('HSET', b.state, mark, text(when))
      redis.call('ZADD', b.holds, now + MARK, mark)
      b.marked = true
    end
  end
end

local function drains(b, amount)
  if amount == 0 then return 0 end
  if b.limit == 0 then return nil end
  local q, m = muldiv(amount, b.span, 0, b.limit)
  return q + math.ceil((m - b.r) / b.limit)
end

local function reset(b)
  if b.kind == 'bucket' then return drains(b, b.u) or EXACT end
  if b.kind == 'sliding' then
    local last = b.slices[#b.slices]
    return last and math.max(ends(b, last[1]) - now, 0) or 0
  end
  return math.max(b.ends - now, 0)
end

local function wait(b, amount)
  if amount > b.limit then return -1 end
  local excess = b.u + amount - b.limit
  if excess <= 0 then return 0 end
  if b.kind == 'bucket' then return drains(b, excess) or -1 end
  if b.kind == 'sliding' then
    for _, slice in ipairs(b.slices) do
      excess = excess - slice[2]
      if excess <= 0 then return math.max(ends(b, slice[1]) - now, 0) end
    end
    return -1
  end
  return reset(b)
end

local function live(key, ttl)
  if redis.call('PTTL', key) < ttl then redis.call('PEXPIRE', key, text(ttl)) end
end

local function save(b)
  if not b.dirty and not b.marked then return end
  if b.kind == 'bucket' then
    redis.call('HSET', b.state, 'u', text(b.u), 't', text(b.t), 'r', text(b.r))
  elseif b.kind == 'sliding' then
    local packed = {}
    for i, slice in ipairs(b.slices) do packed[i] = text(slice[1]) .. ':' .. text(slice[2]) end
    redis.call('HSET', b.state, 's', table.concat(packed, ','))
  else
    redis.call('HSET', b.state, 'p', text(b.p), 'u', text(b.u))
  end
  local ttl = math.max(math.min(reset(b), 400 * DAY), lapse, b.marked and MARK or 0) + 60000
  live(b.state, ttl)
  live(b.holds, ttl)
end

local buckets, asks = {}, {}
for i = 1, #KEYS / 2 do
  local at = 4 + (i - 1) * 6
  local state, span = KEYS[2 * i - 1], tonumber(ARGV[at + 5])
  local ask = { id = id .. '.' .. ARGV[at + 1], amount = tonumber(ARGV[at + 2]), soft = ARGV[at + 6] == '1' }
  local b = buckets[state]
  if not b then
    b = { state = state, holds = KEYS[2 * i], kind = ARGV[at + 4], span = span, limit = tonumber(ARGV[at + 3]) }
    buckets[state] = b
    roll(b)
    lapsed(b)
  end
  b.limit = tonumber(ARGV[at + 3])
  ask.b, ask.limit = b, b.limit
  asks[i] = ask
end

local function mark(b, field, value)
  redis.call('HSET', b.state, field, value)
  redis.call('ZADD', b.holds, now + MARK, field)
  b.marked = true
end

if op == 'settle' then
  -- `amount` is the truth, and `soft` that the reservation was certainly made.
  local ask = asks[1]
  local b, h, l, x = ask.b, 'h:' .. ask.id, 'l:' .. ask.id, 'x:' .. ask.id
  local known = redis.call('HMGET', b.state, h, l, x)
  redis.call('HDEL', b.state, h, l)
  redis.call('ZREM', b.holds, h, l)
  if known[1] then
    local left, when = ask.amount, nil
    for _, part in ipairs(parts_of(known[1])) do
      local kept = math.min(part[1], left)
      left, when = left - kept, part[2]
      give(b, part[1] - kept, when)
    end
    charge(b, left, when)
  elseif known[2] then
    charge(b, ask.amount, tonumber(known[2]))
  elseif not ask.soft and not known[3] then
    charge(b, ask.amount)
  end
  if not ask.soft then mark(b, x, '1') end
  save(b)
  return { 1, b.u, reset(b), 0 }
end

local all, taken = true, {}
for i, ask in ipairs(asks) do
  local b, known = ask.b, {}
  b.limit = ask.limit
  if op == 'reserve' then known = redis.call('HMGET', b.state, 'h:' .. ask.id, 'x:' .. ask.id) end
  -- A call that is made again, or comes after its settlement, takes nothing.
  ask.known = known[1] or known[2]
  ask.granted = ask.known or ask.soft or b.u + ask.amount <= ask.limit
  ask.wait = ask.granted and 0 or wait(b, ask.amount)
  all = all and ask.granted
  if op ~= 'peek' and not ask.known then
    local was = b.dirty
    taken[i] = { take(b, ask.amount), was }
  end
end
if not all then
  for i, ask in ipairs(asks) do
    if taken[i] then
      give(ask.b, ask.amount, taken[i][1])
      ask.b.dirty = taken[i][2]
    end
  end
elseif op ~= 'peek' then
  for i, ask in ipairs(asks) do
    if taken[i] then
      local h, when = 'h:' .. ask.id, text(taken[i][1])
      local record = text(ask.amount) .. '@' .. when
      local before = op == 'extend' and redis.call('HGET', ask.b.state, h)
      if before then
        local parts = parts_of(before)
        local last = parts[#parts]
        if last and last[2] == taken[i][1] then last[1] = last[1] + ask.amount
        else parts[#parts + 1] = { ask.amount, taken[i][1] } end
        for j, part in ipairs(parts) do parts[j] = text(part[1]) .. '@' .. text(part[2]) end
        record = table.concat(parts, ',')
      end
      redis.call('HSET', ask.b.state, h, record)
      redis.call('ZADD', ask.b.holds, now + lapse, h)
    end
  end
end
local answers = {}
for _, b in pairs(buckets) do save(b) end
for _, ask in ipairs(asks) do
  local b = ask.b
  b.limit = ask.limit
  for _, n in ipairs({ ask.granted and 1 or 0, b.u, math.min(reset(b), EXACT), math.min(ask.wait, EXACT) }) do
    answers[#answers + 1] = n
  end
end
return answers

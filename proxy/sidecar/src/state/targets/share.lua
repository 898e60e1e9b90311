-- What replicas learn of targets, published and read in one go.
--
-- KEYS    what is known, a hash by name; its order, a sorted set by version (both in one slot)
-- ARGV    the time in milliseconds ('' for the server's), the replica, the version that it has read so far, the most to read, the most to keep,
--         how long to keep it in milliseconds, then per change: name, kind, milliseconds from now on, cause
-- Returns the version read now, then per change of other replicas: name, kind, milliseconds from now on, cause
--
-- Versions only grow, over a change of the server's clock, too. Where the server has lost what it had, all that is there is news.
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local known, order, replica, read = KEYS[1], KEYS[2], ARGV[2], tonumber(ARGV[3])
local function text(n) return string.format('%.0f', n) end

local version = tonumber(redis.call('ZREVRANGE', order, 0, 0, 'WITHSCORES')[2] or 0)
if read > version then read = 0 end
for i = 7, #ARGV, 4 do
  version = math.max(version + 1, now)
  redis.call('HSET', known, ARGV[i], replica .. ' ' .. ARGV[i + 1] .. ' ' .. text(now + ARGV[i + 2]) .. ' ' .. ARGV[i + 3])
  redis.call('ZADD', order, text(version), ARGV[i])
end
if #ARGV > 6 then
  local more = redis.call('ZCARD', order) - ARGV[5]
  if more > 0 then
    local oldest = redis.call('ZRANGE', order, 0, more - 1)
    redis.call('HDEL', known, unpack(oldest))
    redis.call('ZREM', order, unpack(oldest))
  end
  redis.call('PEXPIRE', known, ARGV[6])
  redis.call('PEXPIRE', order, ARGV[6])
end

local found = redis.call('ZRANGEBYSCORE', order, '(' .. text(read), '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[4])
local answer = { text(read) }
for i = 1, #found, 2 do
  answer[1] = text(tonumber(found[i + 1]))
  local value = redis.call('HGET', known, found[i])
  local by, kind, at, cause = string.match(value or '', '^(%S+) (%S+) (%S+) (%S+)$')
  if by and by ~= replica then
    for _, word in ipairs({ found[i], kind, text(at - now), cause }) do answer[#answer + 1] = word end
  end
end
return answer

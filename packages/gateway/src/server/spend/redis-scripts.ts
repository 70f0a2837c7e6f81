// The scripts of the ledger in Redis. The hash of a month has a field with the number of each entry, by
// its encoded key, which begins with a bracket. `NUMBER:amount` and so on are its counts. HINCRBY adds
// integers of 64 bits exactly, while numbers in Lua are floating-point.

const COUNTS = `local counts = {'requests', 'input', 'cached', 'output'}`

/** Adds a batch, unless its gateway has already sent it or a later one. */
export const ADD = `${COUNTS}
local hash, max = KEYS[1], tonumber(ARGV[4])
if tonumber(redis.call('GET', KEYS[2]) or 0) >= tonumber(ARGV[1]) then return {0, 0} end
local other, refused = 0, 0
for first = 5, #ARGV, 7 do
  local entry = redis.call('HGET', hash, ARGV[first])
  local has_room = entry or tonumber(redis.call('HGET', hash, 'entries') or 0) < max
  local key = has_room and ARGV[first] or ARGV[first + 1]
  if not has_room then entry = redis.call('HGET', hash, key) end
  if not entry then
    entry = string.format('%.0f', redis.call('HINCRBY', hash, 'last', 1))
    redis.call('HSET', hash, key, entry)
    redis.call('HINCRBY', hash, 'entries', 1)
  end
  local added = redis.pcall('HINCRBY', hash, entry .. ':amount', ARGV[first + 2])
  if type(added) == 'table' then
    if not string.find(added.err, 'overflow', 1, true) then return added end
    refused = refused + tonumber(ARGV[first + 3])
  else
    for at, name in ipairs(counts) do
      redis.pcall('HINCRBY', hash, entry .. ':' .. name, ARGV[first + 2 + at])
    end
    if not has_room then other = other + tonumber(ARGV[first + 3]) end
  end
end
redis.call('PEXPIRE', hash, ARGV[2])
redis.call('PSETEX', KEYS[2], ARGV[3], ARGV[1])
return {other, refused}`

/** Moves entries to other keys. */
export const MOVE = `${COUNTS}
local hash = KEYS[1]
for first = 1, #ARGV, 2 do
  local from, to = ARGV[first], ARGV[first + 1]
  local entry, target = redis.call('HGET', hash, from), redis.call('HGET', hash, to)
  if entry and not target then
    redis.call('HDEL', hash, from)
    redis.call('HSET', hash, to, entry)
  elseif entry then
    local amount = redis.call('HGET', hash, entry .. ':amount') or '0'
    local added = redis.pcall('HINCRBY', hash, target .. ':amount', amount)
    if type(added) == 'table' then return added end
    redis.call('HDEL', hash, from, entry .. ':amount')
    for _, name in ipairs(counts) do
      local count = redis.call('HGET', hash, entry .. ':' .. name) or '0'
      redis.pcall('HINCRBY', hash, target .. ':' .. name, count)
      redis.call('HDEL', hash, entry .. ':' .. name)
    end
    redis.call('HINCRBY', hash, 'entries', -1)
  end
end
return 1`

/** Reads a page of the fields. */
export const SCAN = `return redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])`

-- The stored form of a key's state.
--
-- A header consists of a version, the limit of the last take, the key's expiry, and the numbers of
-- the state. For each further count (buckets and windows only), the same fields follow without an
-- expiry. The algorithm determines the type of the key:
--
-- - buckets and windows: a string that contains only the header
-- - logs: a hash with the header in the field 'h'
-- - leases: a sorted set whose header is the member with an infinite score
--
-- A log may keep its entries for longer than the limit's own period. Its header then contains the
-- longer period, and instead of the burst the time until which that period applies.

local HEAD_SIZE = 27
local EXPIRY_SIZE = 8
-- Maximum number of counts per key.
local MAX_COUNTS = 4

-- Minimum and maximum time from a key becoming idle to its expiry, in milliseconds.
local MIN_EXPIRY_DELAY, MAX_EXPIRY_DELAY = 100, 1900

-- Keys are identified by their position in KEYS, and their data is in arrays by position. With a
-- table per key, a batch would take 50 % longer.
local headers, kinds = {}, {}
-- For each key: the state of its first count, the limit of that count's last take, its further
-- counts, and the error if it is unreadable.
local states, storedLimits, others, faults = {}, {}, {}, {}
-- The stored expiry, if only the state has changed.
local expiries = {}
-- Limit and current level of a token bucket that only the fast path has accessed
-- (`bucket-fast-path.lua`).
local bucketLimits, levels = {}, {}
-- The keys to write, in order.
local areChanged, changedKeys, changes = {}, {}, 0
-- Keys that this job changed without a take. They may be idle now.
local maybeIdle = {}

local READ = {
  string = function(key) return call('GET', key) end,
  hash = function(key) return call('HGET', key, 'h') end,
  zset = function(key) return call('ZRANGE', key, -1, -1)[1] end,
}

-- Values of the string keys, which are read together when the first one is needed.
local strings
local function readStrings()
  -- The Lua stack holds about 8000 values.
  strings = call('MGET', unpack(KEYS, 1, min(4000, #KEYS)))
  for from = 4001, #KEYS, 4000 do
    local found = call('MGET', unpack(KEYS, from, min(from + 3999, #KEYS)))
    for position = 1, #found do strings[from + position - 1] = found[position] end
  end
end

-- Returns the header of a key that is not a string, and the type of its value.
local function headerOf(key)
  local kind = call('TYPE', key).ok
  if kind == 'none' then return false, nil end
  local read = READ[kind]
  return read and read(key) or '', kind
end

local function headOf(limit)
  if not limit.head then
    -- A bucket has no zone, so the units that a new key starts with are stored in its place.
    local zone = limit.initial and formatNumber(limit.initial) or limit.zone
    limit.head = pack(HEAD, VERSION, limit.letter, limit.limit, limit.period, limit.burst, #zone) .. zone
    limit.headSize = #limit.head
    limit.stateFrom = limit.headSize + EXPIRY_SIZE + 1
    limit.stateOffset = format('%d', limit.stateFrom - 1)
    limit.size = limit.stateFrom - 1 + A[limit.letter].size
  end
  return limit.head
end

local function unreadable(index)
  return 'the key ' .. KEYS[index] .. ' holds a value that this version of sluice did not write; delete it or choose another prefix'
end

-- Reports whether a state contains no NaN. A debt may be infinite.
local function isValid(state)
  for _, value in pairs(state) do
    if value ~= value then return false end
  end
  return true
end

-- Decodes a limit from a header, and returns the position after it.
local function readLimit(header, from)
  if #header < from - 1 + HEAD_SIZE or string.byte(header, from) ~= VERSION then return end
  local _, letter, capacity, period, burst, zoneSize, zoneFrom = unpackFrom(HEAD, header, from)
  if not define[letter] then return end
  local zone = sub(header, zoneFrom, zoneFrom + zoneSize - 1)
  if letter == 't' then
    local bucket = { letter = letter, limit = capacity, period = period, burst = burst, initial = tonumber(zone), zone = '' }
    return bucket, zoneFrom + zoneSize
  end
  if letter ~= 'l' then return { letter = letter, limit = capacity, period = period, burst = burst, zone = zone }, zoneFrom + zoneSize end
  return { letter = letter, limit = capacity, period = period, burst = 0, zone = zone }, zoneFrom + zoneSize, burst
end

-- Returns the counts of a header, or nil if it is unreadable.
local function countsIn(index, header)
  local limit, from, keptUntil = readLimit(header, 1)
  if not limit then return end
  from = from + EXPIRY_SIZE
  local counts = {}
  repeat
    local size = A[limit.letter].size
    if from + size - 1 > #header or #counts == MAX_COUNTS then return end
    local state = A[limit.letter].unpack(header, from, KEYS[index], limit, keptUntil)
    if not isValid(state) then return end
    counts[#counts + 1] = { limit = limit, state = state }
    from = from + size
    if from > #header then return counts end
    limit, from, keptUntil = readLimit(header, from)
  until not limit or A[limit.letter].kind ~= 'string'
end

-- Reads a header of another limit or with several counts.
local function readHeader(index, header)
  local counts = countsIn(index, header)
  if counts and A[counts[1].limit.letter].kind == kinds[index] then
    local first = table.remove(counts, 1)
    storedLimits[index], states[index] = first.limit, first.state
    others[index] = counts[1] and counts or nil
    return
  end
  faults[index] = unreadable(index)
end

-- Reports whether the server is out of memory. Redis rejects a write for lack of memory only if it
-- is the first write of a script; later writes may exceed the limit. So this function attempts a
-- write that changes nothing before any other.
local isFull
local function isServerFull()
  if isFull == nil then
    local reply = redis.pcall('SETRANGE', KEYS[1], 0, '')
    isFull = type(reply) == 'table' and reply.err ~= nil and string.find(reply.err, 'OOM', 1, true) ~= nil
  end
  return isFull
end
local FULL = 'OOM the Redis server is out of memory'

-- Converts a current level to the full representation of a key.
local function widen(index)
  local limit, level = bucketLimits[index], levels[index]
  bucketLimits[index], levels[index] = nil, nil
  local header = strings[index] or false
  headers[index] = header
  if areChanged[index] then
    storedLimits[index], states[index] = limit, { at = now, level = level }
  elseif header then
    -- Another limit may drain the bucket faster, so the stored state is used instead of the level
    -- computed from it.
    storedLimits[index], states[index] = limit, A.t.unpack(header, limit.stateFrom)
  end
end

-- Reads a key. Called at most once per key.
local function load(index, limit)
  if levels[index] then return widen(index) end
  local algorithm = A[limit.letter]
  local isString = algorithm.kind == 'string'
  if isString and not strings then readStrings() end
  local header = isString and strings[index]
  if not header then
    header, kinds[index] = headerOf(KEYS[index])
    headers[index] = header
    if header then readHeader(index, header) end
    return
  end
  headers[index] = header
  -- Almost every state was stored under the requested limit.
  if #header ~= limit.size or sub(header, 1, limit.headSize) ~= limit.head then
    kinds[index] = 'string'
    readHeader(index, header)
    return
  end
  local state = algorithm.unpack(header, limit.stateFrom)
  if not isValid(state) then
    faults[index] = unreadable(index)
    return
  end
  storedLimits[index], states[index] = limit, state
  expiries[index] = unpackFrom('>d', header, limit.headSize + 1)
end

local function forget(index)
  states[index], storedLimits[index], others[index], expiries[index] = nil, nil, nil, nil
end

local function reset(index)
  call('UNLINK', KEYS[index])
  bucketLimits[index], levels[index] = nil, nil
  forget(index)
  headers[index], faults[index] = false, nil
end

-- Bounded so that '%d' can format it, which takes a third of the time of '%.0f'.
local function lifetimeOf(idleAfter)
  return min(ceil(idleAfter) + slack, 2 ^ 53)
end

-- If the old expiry is close enough, only the state is written, which saves 0.5 µs.
local function isNearEnough(expiry, idleAfter)
  if not expiry or testTime ~= '' then return false end
  local left = expiry - now - idleAfter
  return left >= MIN_EXPIRY_DELAY and left <= MAX_EXPIRY_DELAY
end

-- Writes the current level of a bucket, as `writeState` writes a state.
local function writeLevel(index, level)
  local limit = bucketLimits[index]
  local idleAfter = (level * limit.period) / limit.limit
  if isNearEnough(expiries[index], idleAfter) then
    call('SETRANGE', KEYS[index], limit.stateOffset, pack('>dd', now, level))
  else
    local lifetime = lifetimeOf(idleAfter)
    call('PSETEX', KEYS[index], format('%d', lifetime), limit.head .. pack('>ddd', now + lifetime, now, level))
  end
end

local function leftOf(limit, state)
  return A[limit.letter].idleAfter(limit, state) + (state.at - now)
end

-- Writes the state of a key. The key expires when its state equals that of a missing key.
local function writeState(index)
  local key, limit, state, stored = KEYS[index], storedLimits[index], states[index], headers[index]
  if faults[index] then return end
  local algorithm = state and A[limit.letter]
  local idleAfter = state and leftOf(limit, state) or 0
  for _, count in ipairs(others[index] or {}) do idleAfter = max(idleAfter, leftOf(count.limit, count.state)) end
  if idleAfter <= 0 then
    -- The key may have expired. In a slot that is migrating, a missing key belongs to another node
    -- and must not be accessed here.
    if stored or (state and state.written) then redis.pcall('UNLINK', key) end
    return
  end
  if isNearEnough(expiries[index], idleAfter) then
    call('SETRANGE', key, limit.stateOffset, algorithm.pack(state))
    return
  end
  if algorithm.write then state = algorithm.write(state) end
  local lifetime = lifetimeOf(idleAfter)
  local head = algorithm.headOf and algorithm.headOf(limit, state) or headOf(limit)
  local header = head .. pack('>d', now + lifetime) .. algorithm.pack(state)
  for _, count in ipairs(others[index] or {}) do
    header = header .. headOf(count.limit) .. A[count.limit.letter].pack(count.state)
  end
  if algorithm.kind == 'string' then
    call('PSETEX', key, format('%d', lifetime), header)
    return
  end
  if algorithm.kind == 'zset' then
    -- Add the new header first: a set that is temporarily empty is deleted, and cannot be created
    -- again while its slot is migrating.
    call('ZADD', key, '+inf', header)
    if stored and kinds[index] == 'zset' and stored ~= header then call('ZREM', key, stored) end
  else
    call('HSET', key, 'h', header)
  end
  call('PEXPIRE', key, format('%d', lifetime))
end

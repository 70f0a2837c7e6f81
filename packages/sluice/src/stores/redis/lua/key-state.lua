-- How a key stores its state.
--
-- A header consists of a version, the limit of the last take, the key's expiry, and the numbers of
-- the state. The same fields without an expiry follow for each further count (buckets and windows
-- only). A bucket or a window is a string, which is its header. A log has it in field 'h' of a hash.
-- Leases are a sorted set, and the header is the member whose score is infinite. A log may keep its
-- entries for longer than the limit's own period: its header then has that longer period, and in
-- place of the burst the time until which it applies.

local HEAD_SIZE = 27
local EXPIRY_SIZE = 8
-- Most counts that a key has.
local MAX_COUNTS = 4

-- A key expires no sooner than this after it is as good as new, and no later than that, in milliseconds.
local SOONEST, LATEST = 100, 1900

-- A key of the call is named by its place in KEYS. What is known of each is in rows by that place: a table for each key
-- would cost a batch half as much time again.
local headers, kinds = {}, {}
-- The first count of what was used: its state, and the limit that was last taken under. Then further counts, and why it cannot be read.
local states, unders, others, faults = {}, {}, {}, {}
-- When it expires as it is, where all that has changed is its state.
local expiries = {}
-- Of a token bucket that nothing but takes and peeks was asked of (lua/buckets.ts): its limit and its level now.
local bucketLimits, levels = {}, {}
-- What has to be written, and in which order.
local areChanged, changedOnes, changes = {}, {}, 0
-- What this job changed and took nothing of: it may be idle now.
local mendedOnes = {}

local READ = {
  string = function(key) return call('GET', key) end,
  hash = function(key) return call('HGET', key, 'h') end,
  zset = function(key) return call('ZRANGE', key, -1, -1)[1] end,
}

-- The strings that the keys hold, read at once when the first of them is asked for.
local strings
local function readStrings()
  -- The stack of Lua holds some 8000 values.
  strings = call('MGET', unpack(KEYS, 1, min(4000, #KEYS)))
  for from = 4001, #KEYS, 4000 do
    local found = call('MGET', unpack(KEYS, from, min(from + 3999, #KEYS)))
    for place = 1, #found do strings[from + place - 1] = found[place] end
  end
end

-- The header of a key that holds no string, and the kind of value that it is in.
local function headerOf(key)
  local kind = call('TYPE', key).ok
  if kind == 'none' then return false, nil end
  local read = READ[kind]
  return read and read(key) or '', kind
end

local function headOf(limit)
  if not limit.head then
    local zone = limit.zone
    limit.head = pack(HEAD, VERSION, limit.letter, limit.limit, limit.period, limit.burst, #zone) .. zone
    limit.headSize = #limit.head
    limit.stateFrom = limit.headSize + EXPIRY_SIZE + 1
    limit.stateOffset = format('%d', limit.stateFrom - 1)
    limit.size = limit.stateFrom - 1 + A[limit.letter].size
  end
  return limit.head
end

local function unreadable(index)
  return 'the key ' .. KEYS[index] .. ' holds nothing that this version of sluice wrote'
end

-- Whether the numbers of a state are numbers. A debt may be infinite.
local function isSound(state)
  for _, value in pairs(state) do
    if value ~= value then return false end
  end
  return true
end

-- Reads a limit from a header, and says where what follows it begins.
local function readLimit(header, from)
  if #header < from - 1 + HEAD_SIZE or string.byte(header, from) ~= VERSION then return end
  local _, letter, capacity, period, burst, zoneSize, zoneFrom = unpackFrom(HEAD, header, from)
  if not define[letter] then return end
  local zone = sub(header, zoneFrom, zoneFrom + zoneSize - 1)
  if letter ~= 'l' then return { letter = letter, limit = capacity, period = period, burst = burst, zone = zone }, zoneFrom + zoneSize end
  return { letter = letter, limit = capacity, period = period, burst = 0, zone = zone }, zoneFrom + zoneSize, burst
end

-- The counts of a header; none where it cannot be read.
local function countsIn(index, header)
  local limit, from, keptUntil = readLimit(header, 1)
  if not limit then return end
  from = from + EXPIRY_SIZE
  local counts = {}
  repeat
    local size = A[limit.letter].size
    if from + size - 1 > #header or #counts == MAX_COUNTS then return end
    local state = A[limit.letter].unpack(header, from, KEYS[index], limit, keptUntil)
    if not isSound(state) then return end
    counts[#counts + 1] = { limit = limit, state = state }
    from = from + size
    if from > #header then return counts end
    limit, from, keptUntil = readLimit(header, from)
  until not limit or A[limit.letter].kind ~= 'string'
end

-- Reads a header that another limit wrote, or that has several counts.
local function readHeader(index, header)
  local counts = countsIn(index, header)
  if counts and A[counts[1].limit.letter].kind == kinds[index] then
    local first = table.remove(counts, 1)
    unders[index], states[index] = first.limit, first.state
    others[index] = counts[1] and counts or nil
    return
  end
  faults[index] = unreadable(index)
end

-- Whether the server has no memory left. It refuses what may need more only as a script's first write, and a script that has
-- written anything may go past its bound; so it is asked before, with a write that changes nothing.
local isFull
local function isServerFull()
  if isFull == nil then
    local reply = redis.pcall('SETRANGE', KEYS[1], 0, '')
    isFull = type(reply) == 'table' and reply.err ~= nil and string.find(reply.err, 'OOM', 1, true) ~= nil
  end
  return isFull
end
local FULL = 'OOM the server has no memory left'

-- Makes of a level now what the rest of the script knows of a key.
local function widen(index)
  local limit, level = bucketLimits[index], levels[index]
  bucketLimits[index], levels[index] = nil, nil
  local header = strings[index] or false
  headers[index] = header
  if areChanged[index] then
    unders[index], states[index] = limit, { at = now, level = level }
  elseif header then
    -- Another limit may drain it faster: what is kept counts, and not what was seen of it.
    unders[index], states[index] = limit, A.t.unpack(header, limit.stateFrom)
  end
end

-- Reads what a key holds, once.
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
  -- Nearly every state counts under the limit that it is asked about.
  if #header ~= limit.size or sub(header, 1, limit.headSize) ~= limit.head then
    kinds[index] = 'string'
    readHeader(index, header)
    return
  end
  local state = algorithm.unpack(header, limit.stateFrom)
  if not isSound(state) then
    faults[index] = unreadable(index)
    return
  end
  unders[index], states[index] = limit, state
  expiries[index] = unpackFrom('>d', header, limit.headSize + 1)
end

local function forget(index)
  states[index], unders[index], others[index], expiries[index] = nil, nil, nil, nil
end

local function reset(index)
  call('UNLINK', KEYS[index])
  bucketLimits[index], levels[index] = nil, nil
  forget(index)
  headers[index], faults[index] = false, nil
end

-- '%d' takes a third of the time of '%.0f', and no expiry is too large for it.
local function lifetimeOf(idleAfter)
  return min(ceil(idleAfter) + slack, 2 ^ 53)
end

-- Half a microsecond less than a new expiry takes: where the old one is near enough, only the state is written.
local function isNearEnough(expiry, idleAfter)
  if not expiry or given ~= '' then return false end
  local left = expiry - now - idleAfter
  return left >= SOONEST and left <= LATEST
end

-- The same as keep, of a level now.
local function keepLevel(index, level)
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

-- Writes the state of a key, which expires when it says no more than no key would.
local function keep(index)
  local key, limit, state, stored = KEYS[index], unders[index], states[index], headers[index]
  if faults[index] then return end
  local algorithm = state and A[limit.letter]
  local idleAfter = state and leftOf(limit, state) or 0
  for _, count in ipairs(others[index] or {}) do idleAfter = max(idleAfter, leftOf(count.limit, count.state)) end
  if idleAfter <= 0 then
    -- It may be gone already: what is gone from a slot that moves is another node's, and not to be touched here.
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
    -- First the new one: a key that is empty for a moment is gone, and while its slot moves nobody may make it anew here.
    call('ZADD', key, '+inf', header)
    if stored and kinds[index] == 'zset' and stored ~= header then call('ZREM', key, stored) end
  else
    call('HSET', key, 'h', header)
  end
  call('PEXPIRE', key, format('%d', lifetime))
end

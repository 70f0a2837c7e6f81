/**
 * The script's part that knows how a key holds its state, and how a state changes with its limit (`adapt` of
 * `limits/algorithms.ts`).
 *
 * A header holds a version, the algorithm's letter, the limit that the state counts under, and the state's numbers. For a
 * rate it is the field 'h' of a hash; for leases it is the member of a sorted set whose score is infinite.
 */
export const state = `
local VERSION = 1

local entries = {}

local function readHash(key)
  local header = redis.pcall('HGET', key, 'h')
  return type(header) ~= 'table' and header or nil, type(header) == 'table'
end

local function readSet(key)
  local last = redis.pcall('ZRANGE', key, -1, -1)
  return last[1], last.err ~= nil
end

-- The header of a key, and whether it is in a sorted set. The kind that the limit wants is tried first.
local function headerOf(key, inSet)
  local read, other = readHash, readSet
  if inSet then read, other = readSet, readHash end
  local header, wrong = read(key)
  if not wrong then return header, inSet end
  header, wrong = other(key)
  if wrong then error('the key ' .. key .. ' holds no state of a limit') end
  return header, not inSet
end

local function load(key, inSet)
  local entry = entries[key]
  if entry then return entry end
  local header, isSet = headerOf(key, inSet)
  entry = { key = key }
  entries[key] = entry
  if not header then return entry end
  local version, letter = struct.unpack('>Bc1', header)
  if version ~= VERSION then error('the key ' .. key .. ' was written by another version of sluice') end
  entry.stored, entry.isSet = header, isSet
  entry.limit, entry.state = A[letter].unpack(header, 3, key)
  entry.limit.letter = letter
  return entry
end

local function sameLimit(a, b)
  return a.letter == b.letter and a.limit == b.limit and a.period == b.period and a.burst == b.burst
    and a.zone == b.zone
end

local function adapt(key, state, from, to)
  local algorithm = A[to.letter]
  if from.letter == to.letter and (from.zone ~= '') == (to.zone ~= '') then
    return algorithm.advance(to, algorithm.rescale(from, to, state))
  end
  return algorithm.withUsed(to, A[from.letter].usedFraction(from, state), key)
end

-- The entry of a key, its state at now and under this limit. What time alone would not have done has to be kept.
local function entryNow(key, limit)
  local entry = load(key, A[limit.letter].inSet or false)
  if not entry.state then
    entry.limit, entry.state = limit, A[limit.letter].fresh(limit, key)
    return entry
  end
  local from, state = entry.limit, entry.state
  if from.period == limit.period and from.zone == limit.zone then from.windows = limit.windows end
  if not entry.advanced then
    entry.repaired = now < state.at
    state = A[from.letter].advance(from, state)
    entry.advanced = true
  end
  if not sameLimit(from, limit) then
    local written = state.written
    state = adapt(key, state, from, limit)
    -- One request that charges a key under two kinds of limits: leases are written as they are taken.
    if written and state.written == nil then redis.call('UNLINK', key) end
    entry.repaired = entry.stored ~= nil
  end
  entry.limit, entry.state = limit, state
  return entry
end

local function capacityOf(limit)
  return limit.letter == 't' and limit.burst or limit.limit
end

-- Settles a charge that was taken under this limit.
local function settle(key, limit, taken, cost, lease)
  local entry = load(key, A[limit.letter].inSet or false)
  local to = entry.limit
  if not to or (to.letter == limit.letter and (to.zone ~= '') == (limit.zone ~= '')) then
    entryNow(key, limit)
    entry.state = A[limit.letter].settle(limit, entry.state, taken, cost, lease)
    entry.changed = true
    return
  end
  -- The key counts another way since. What was taken is no longer to be found; what is owed is owed.
  local owed = ((cost - taken.cost) / capacityOf(limit)) * capacityOf(to)
  if owed <= 0 or limit.letter == 'n' or to.letter == 'n' then return end
  -- Whose calendar it is nobody said here; so what is owed to a window that is over is owed no more.
  if to.zone ~= '' and not A.f.isOpen(entry.state) then return end
  entryNow(key, to)
  taken.cost = 0
  entry.state = A[to.letter].settle(to, entry.state, taken, owed)
  entry.changed = true
end

-- Writes an entry, with the time at which it says no more than no entry would.
local function keep(entry)
  local key, limit = entry.key, entry.limit
  local algorithm = A[limit.letter]
  local inSet = algorithm.inSet or false
  local idleAfter = algorithm.idleAfter(limit, entry.state)
  if idleAfter <= 0 then
    if entry.stored then redis.call('UNLINK', key) end
    return
  end
  if algorithm.write then
    entry.state = algorithm.write(entry.state)
  elseif entry.isSet or (entry.stored and string.sub(entry.stored, 2, 2) == 'l') then
    redis.call('UNLINK', key)
  end
  local header = struct.pack('>Bc1', VERSION, limit.letter) .. algorithm.pack(limit, entry.state)
  if inSet then
    if entry.stored and entry.stored ~= header then redis.call('ZREM', key, entry.stored) end
    redis.call('ZADD', key, '+inf', header)
  else
    redis.call('HSET', key, 'h', header)
  end
  local expiry = math.min(math.ceil(idleAfter) + slack, 2 ^ 53)
  redis.call('PEXPIRE', key, string.format('%.0f', expiry))
end
`

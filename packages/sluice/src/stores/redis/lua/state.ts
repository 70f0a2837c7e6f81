/**
 * The script's part that knows what a state is now, and how it changes with its limit (`adapt` of `limits/algorithms.ts`).
 */
export const state = `
-- The key whose state was asked for last.
local atHand

-- Says that the state of a key is to be kept.
local function note(index)
  if areChanged[index] then return end
  areChanged[index] = true
  changes = changes + 1
  changedOnes[changes] = index
end

local function change(index, state)
  states[index] = state
  -- Lua makes room also for a nil.
  if areFresh[index] then areFresh[index] = nil end
  if areOver[index] then areOver[index] = nil end
  note(index)
end

-- The same of what a settlement, a clock that was set back or another limit made of it.
local function mend(index, state)
  change(index, state)
  mendedOnes[#mendedOnes + 1] = index
end

-- Whether a state under one limit says under the other all that it knows.
local function countAlike(a, b)
  return a.letter == b.letter and (a.zone ~= '') == (b.zone ~= '')
end

local function adapt(key, state, from, to)
  local algorithm = A[to.letter]
  if countAlike(from, to) then return algorithm.advance(to, algorithm.rescale(from, to, state)) end
  return algorithm.withUsed(to, A[from.letter].usedFraction(from, state), key)
end

-- Brings a state to now. What time alone would not have done is kept.
local function bringToNow(index, limit, state)
  local isSetBack = now < state.at
  state = A[limit.letter].advance(limit, state)
  states[index], areNow[index] = state, true
  if isSetBack then mend(index, state) end
  return state
end

-- The state of a key at now and under this limit. A limit that counts another way sees an estimate, which takes the state's
-- place only where it is kept, because something is taken.
local function stateNow(index, limit, isKept)
  atHand = index
  local from, state = unders[index], states[index]
  if from == limit and areNow[index] then return state end
  -- Nobody has taken from it, so there is nothing that another limit would have to take over.
  if not state or areFresh[index] then
    state = A[limit.letter].fresh(limit, KEYS[index])
    states[index], unders[index], areFresh[index], areNow[index] = state, limit, true, true
    return state
  end
  if from ~= limit and from.period == limit.period and from.zone == limit.zone then from.windows = limit.windows end
  local isSeen = from ~= limit and not isKept and not countAlike(from, limit)
  if isSeen and from.zone ~= '' and not from.windows then
    -- Whose calendar it is nobody said here: that of its windows which holds now is known only to who asks under it.
    return adapt(KEYS[index], A.f.advance(from, state), from, limit)
  end
  if not areNow[index] then state = bringToNow(index, from, state) end
  if isSeen then return adapt(KEYS[index], state, from, limit) end
  if from ~= limit and headOf(from) ~= headOf(limit) then
    local written = state.written
    state = adapt(KEYS[index], state, from, limit)
    -- One call that charges a key under two kinds of limits: leases are written as they are taken.
    if written and state.written == nil then call('UNLINK', KEYS[index]) end
    mend(index, state)
    expiries[index] = nil
  end
  states[index], unders[index] = state, limit
  return state
end

-- After a job: forgets what another call would not find any more, because it says no more than no key would.
local function dropIdle()
  for place, index in ipairs(mendedOnes) do
    local limit, state = unders[index], states[index]
    mendedOnes[place] = nil
    if state and A[limit.letter].idleAfter(limit, state) <= 0 then
      if state.written then call('UNLINK', KEYS[index]) end
      forget(index)
    end
  end
end

local function capacityOf(limit)
  return limit.letter == 't' and limit.burst or limit.limit
end

-- Settles a charge that was taken under this limit.
local function settle(index, limit, taken, cost, lease)
  local to = states[index] and not areFresh[index] and unders[index] or limit
  if countAlike(to, limit) then
    local state = stateNow(index, limit, true)
    mend(index, A[limit.letter].settle(limit, state, taken, cost, lease))
    return
  end
  -- The key counts another way since. What was taken is no longer to be found; what is owed is owed.
  local owed = ((cost - taken.cost) / capacityOf(limit)) * capacityOf(to)
  if owed <= 0 or limit.letter == 'n' or to.letter == 'n' then return end
  -- Whose calendar it is nobody said here; so what is owed to a window that is over is owed no more.
  if areOver[index] then return end
  local state = stateNow(index, to)
  taken.cost = 0
  mend(index, A[to.letter].settle(to, state, taken, owed))
end
`

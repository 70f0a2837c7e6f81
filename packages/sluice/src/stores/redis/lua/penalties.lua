-- Penalties (`algorithms/penalty.ts`): each is a token bucket under a key of its own. Only jobs with
-- penalties (operations 5 and 6) use these functions.

-- Rounding error of a level, in milliseconds.
local PENALTY_ROUNDING = 1e-6
-- The keys of penalties are loaded under this limit, which is not that of any of them.
local ANY_PENALTY = { letter = 't', limit = 1, period = 1, burst = 1, zone = '' }
headOf(ANY_PENALTY)

-- Returns the current level of a key, and its stored limit; 0 for a key without a penalty.
local function penaltyLevel(index)
  local state, stored = states[index], storedLimits[index]
  if not state or stored.letter ~= 't' then return 0 end
  if now < state.at then return stateNow(index, stored).level, stored end
  return max(0, state.level - ((now - state.at) * stored.limit) / stored.period), stored
end

-- Returns the milliseconds until the penalty of a key ends; 0 if none runs.
local function penaltyLeft(index)
  local level, stored = penaltyLevel(index)
  local left = stored and level - (stored.burst - stored.limit) or 0
  return left > PENALTY_ROUNDING and left or 0
end

-- Starts the penalty of a key unless one runs. Returns the milliseconds until it ends.
local function startPenalty(index, length, growth, longest)
  local left = penaltyLeft(index)
  if left > 0 then return left end
  local level, stored = penaltyLevel(index)
  if level > 0 and growth > 1 then length = min(stored.limit * growth, longest) end
  local burst = growth > 1 and longest + length or length
  local limit = { letter = 't', limit = length, period = length, burst = burst, zone = '' }
  headOf(limit)
  take(index, limit, burst - level, '')
  return length
end

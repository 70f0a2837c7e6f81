/**
 * What the parts of the script share: the time, the arithmetic of verdicts, numbers as text.
 *
 * The parts that follow fill `A`, one algorithm each, with the functions of `limits/algorithm.ts` under the same
 * names. Times are milliseconds, and `now` is the one time of the whole call. The arithmetic is that of TypeScript,
 * operation by operation: both count in IEEE doubles, so both come to the same numbers.
 */
export const prelude = `
local op, given = ARGV[1], ARGV[2]
local A = {}
local INF = math.huge

-- A given time is a test's own. What is written under it lives somewhat longer, for that time may stand still.
local now, slack
if given == '' then
  local time = redis.call('TIME')
  now, slack = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000, 1000
else
  now, slack = tonumber(given), 3000
end

-- The shortest text is shorter, but this one is as exact.
local function text(number)
  return string.format('%.17g', number)
end

local function fits(used, capacity)
  return used <= capacity + math.min(capacity * 1e-12, 0.25)
end

local function wholeUnitsLeft(used, capacity)
  local left = capacity - used
  return math.max(0, math.floor(left + math.min(left * 1e-12 + 1e-9, 0.25)))
end

-- Verdicts in the order of the reply: allowed, remaining, resetAfter, retryAfter, moreAfter.
local function allowed(remaining, resetAfter, moreAfter)
  return { true, remaining, resetAfter, 0, moreAfter }
end

local function refused(remaining, resetAfter, moreAfter, retryAfter)
  return { false, remaining, resetAfter, retryAfter, moreAfter }
end
`

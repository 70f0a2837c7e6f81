-- Shared by all parts: the time, the arithmetic of verdicts, and the algorithms by letter.
--
-- Each algorithm's part registers a constructor in `define` whose functions have the names of
-- `algorithms/algorithm.ts`; algorithms that a call does not need are never constructed. Times are
-- milliseconds, and `now` is the one time of the whole call. The arithmetic repeats that of
-- TypeScript operation by operation: both use IEEE doubles, so both get the same numbers. States are
-- changed in place.
--
-- The script only decides: `fits` tells whether a cost may be taken, and `facts` are the numbers from
-- which the client computes the rest of a verdict (`script-result.ts`). Computing it here would take
-- a third more time.

local KEYS, ARGV = KEYS, ARGV
local given = ARGV[1]
local call, pack, unpackFrom, format, sub = redis.call, struct.pack, struct.unpack, string.format, string.sub
local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min
local INF = math.huge

-- How a limit is written: the version of the form, letter, limit, period, burst, and the length of the zone that follows.
local VERSION = 2
local HEAD = '>Bc1dddB'

local define = {}
local A = setmetatable({}, { __index = function(made, letter)
  made[letter] = define[letter]()
  return made[letter]
end })

-- A given time is a test's own. What is written under it lives somewhat longer, for that time may stand still.
local now, slack
if given == '' then
  local time = call('TIME')
  now, slack = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000, 1000
else
  now, slack = tonumber(given), 3000
end

-- The shortest text is shorter, but this one is as exact.
local function text(number)
  return format('%.17g', number)
end

-- A capacity, with what sums of fractions may be off by.
local function mostOf(capacity)
  return capacity + min(capacity * 1e-12, 0.25)
end

local function isWithin(used, capacity)
  return used <= mostOf(capacity)
end

-- How long ago the window began that holds what was counted another way (`limits/fixed-window.ts`).
local function ageOfWindow(period, usage)
  return usage.sinceAge - usage.lastAge < period and usage.sinceAge or usage.lastAge
end

-- What there is to say of a log or of leases: what is used, until nothing is, until one less is, and how long a cost
-- that does not fit has to wait.
local function packFacts(used, idleAfter, untilOneLess, wait)
  return pack('>dddd', used, idleAfter, untilOneLess, wait)
end

-- Definitions shared by all parts: the time, the arithmetic of verdicts, and the algorithms by
-- letter.
--
-- The part of each algorithm registers a constructor in `define`. The functions of an algorithm are
-- named as in `algorithms/algorithm.ts`. Algorithms that a call does not need are never
-- constructed. Times are in milliseconds, and `now` is the same throughout a call. The arithmetic
-- repeats that of the TypeScript code operation by operation. Both use IEEE doubles, so the results
-- are identical. States are changed in place.
--
-- The script only decides: `fits` reports whether a cost may be taken, and `facts` returns the
-- numbers from which the client computes the rest of a verdict (`script-result.ts`). Computing
-- verdicts here would take a third longer.

local KEYS, ARGV = KEYS, ARGV
local testTime = ARGV[1]
local call, pack, unpackFrom, format, sub = redis.call, struct.pack, struct.unpack, string.format, string.sub
local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min
local INF = math.huge
-- The time of a refund that belongs to no particular charge (`algorithms/verdict.ts`).
local NEWEST = 1e300

-- Encoding of a limit: format version, letter, limit, period, burst, and the length of the zone
-- that follows.
local VERSION = 2
local HEAD = '>Bc1dddB'

local define = {}
local A = setmetatable({}, { __index = function(made, letter)
  made[letter] = define[letter]()
  return made[letter]
end })

-- Tests pass a time in ARGV. Keys written in a test live longer, because that time may not advance.
local now, slack
if testTime == '' then
  local time = call('TIME')
  now, slack = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000, 1000
else
  now, slack = tonumber(testTime), 3000
end

-- Formats a number exactly, though not in its shortest form.
local function formatNumber(number)
  return format('%.17g', number)
end

-- Returns a capacity plus the rounding error that sums of fractions may have.
local function withTolerance(capacity)
  return capacity + min(capacity * 1e-12, 0.25)
end

local function isWithin(used, capacity)
  return used <= withTolerance(capacity)
end

-- Returns the age of the window that contains usage converted from another algorithm
-- (`algorithms/fixed-window.ts`).
local function ageOfWindow(period, usage)
  return usage.sinceAge - usage.lastAge < period and usage.sinceAge or usage.lastAge
end

-- Packs the facts of a log or of leases: the units in use, and the times until none is in use,
-- until one fewer is in use, and until a refused cost fits.
local function packFacts(used, idleAfter, untilOneLess, wait)
  return pack('>dddd', used, idleAfter, untilOneLess, wait)
end

-- Shared by all parts: the time, the arithmetic of verdicts, and the algorithms by letter.
--
-- Each algorithm's part registers a constructor in `define` whose functions have the names of
-- `algorithms/algorithm.ts`; algorithms that a call does not need are never constructed. Times are
-- milliseconds, and `now` is the one time of the whole call. The arithmetic repeats that of
-- TypeScript operation by operation: both use IEEE doubles, so both get the same numbers. States
-- are changed in place.
--
-- The script only decides: `fits` tells whether a cost may be taken, and `facts` are the numbers
-- from which the client computes the rest of a verdict (`script-result.ts`). Computing it here
-- would take a third more time.

local KEYS, ARGV = KEYS, ARGV
local given = ARGV[1]
local call, pack, unpackFrom, format, sub = redis.call, struct.pack, struct.unpack, string.format, string.sub
local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min
local INF = math.huge

-- Encoding of a limit: format version, letter, limit, period, burst, and the length of the zone
-- that follows.
local VERSION = 2
local HEAD = '>Bc1dddB'

local define = {}
local A = setmetatable({}, { __index = function(made, letter)
  made[letter] = define[letter]()
  return made[letter]
end })

-- A time in ARGV is that of a test. Keys written under it live somewhat longer, because that time
-- may stand still.
local now, slack
if given == '' then
  local time = call('TIME')
  now, slack = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000, 1000
else
  now, slack = tonumber(given), 3000
end

-- Not the shortest representation, but an exact one.
local function text(number)
  return format('%.17g', number)
end

-- Returns a capacity plus the rounding error that sums of fractions may have.
local function mostOf(capacity)
  return capacity + min(capacity * 1e-12, 0.25)
end

local function isWithin(used, capacity)
  return used <= mostOf(capacity)
end

-- Returns the age of the window that contains usage counted another way
-- (`algorithms/fixed-window.ts`).
local function ageOfWindow(period, usage)
  return usage.sinceAge - usage.lastAge < period and usage.sinceAge or usage.lastAge
end

-- Packs the facts of a log or of leases: the units in use, and the times until none are in use,
-- until one fewer is, and until a cost that does not fit would.
local function packFacts(used, idleAfter, untilOneLess, wait)
  return pack('>dddd', used, idleAfter, untilOneLess, wait)
end

-- Runs the jobs one after another and writes the keys that they changed.

-- Reports whether the job cannot be decided because of this key. If so, emits its result.
--
-- Results of a job: 1 done; 2 a calendar limit has no current window; 3 failed; 4 done, and one
-- rate for each charge follows: the drain rate of a bucket whose last take was under a faster
-- limit, or 0. A job with penalties ends with a number for each charge: the milliseconds until its
-- penalty ends, or 0.
local function isUnusable(index, limit)
  if limit.outside then
    emit('\2')
    return true
  end
  currentKey = index
  if headers[index] == nil then load(index, limit) end
  local fault = faults[index]
  if not fault then return false end
  emitFailure(fault)
  return true
end

local function nextLease()
  leases = leases + 1
  return ARGV[leases]
end

-- The charges of the current job. Their tables are reused by the next job, which saves a third of
-- its time.
local charges = {}
-- True if two charges have the same key, if some are shadows, and if some buckets drain faster than
-- their limits.
local hasDuplicates, hasShadows, haveFasterRates

local function readCharges(areSettled)
  hasDuplicates, hasShadows, haveFasterRates = hasDuplicateKeys(), false, false
  for each = 1, count do
    local charge = charges[each]
    if not charge then
      charge = {}
      charges[each] = charge
    end
    local limit = limits[template[3 * each - 2]]
    charge.index = firstKey and firstKey + each or jobs[cursor + each]
    charge.limit, charge.cost, charge.enforced = limit, template[3 * each - 1], template[3 * each] == 1
    charge.isFitting = nil
    charge.lease = limit.letter == 'n' and nextLease() or ''
    if not charge.enforced then hasShadows = true end
  end
  if not firstKey then cursor = cursor + count end
  if not areSettled then return end
  for each = 1, count do
    charges[each].taken = { cost = jobs[cursor + 1], at = jobs[cursor + 2], resetAfter = jobs[cursor + 3] }
    cursor = cursor + 3
  end
end

local function isAnyUnusable()
  for each = 1, count do
    if isUnusable(charges[each].index, charges[each].limit) then return true end
  end
  return false
end

-- Cache of encoded costs, because most costs repeat.
local COSTS = setmetatable({}, { __index = function(made, cost)
  made[cost] = pack('>d', cost)
  return made[cost]
end })

-- Stores the bucket of a new key from which nothing was taken, because it fills from the first
-- request on.
local function startBucket(index, limit, cost)
  if cost > 0 and limit.initial and stateNow(index, limit).isNew and not isServerFull() then
    take(index, limit, 0, '')
  end
end

-- Decides a job of a single charge, the common case in a cluster, in half the time of the general
-- path.
local function decideOne(takes)
  local index, limit, cost = firstKey + 1, limits[template[1]], template[2]
  local lease = limit.letter == 'n' and nextLease() or ''
  if isUnusable(index, limit) then return end
  local algorithm, state = A[limit.letter], stateNow(index, limit)
  local isFitting = algorithm.fits(limit, state, cost)
  if takes and isFitting and cost > 0 and isServerFull() then return emitFailure(FULL) end
  local facts = algorithm.facts
  local found = facts and facts(limit, state, cost, isFitting) or algorithm.pack(state)
  parts[partCount + 1] = state.fasterRate and '\4' or '\1'
  parts[partCount + 2], parts[partCount + 3] = COSTS[cost], found
  partCount = partCount + 3
  if state.fasterRate then emit(pack('>d', state.fasterRate)) end
  if takes and isFitting and cost > 0 then
    take(index, limit, cost, lease)
  elseif takes then
    startBucket(index, limit, cost)
  end
end

-- Returns the cost of a charge plus what earlier charges of the same request take from its key.
local function cumulativeCost(charge)
  local cost = charge.cost
  if cost == 0 then return 0 end
  for each = 1, count do
    local other = charges[each]
    if other.isFitting and other.index == charge.index and other ~= charge then cost = cost + other.cost end
  end
  return cost
end

-- Judges the enforced charges or the shadows, and reports whether all fit.
local function judge(enforced)
  local allFit = true
  for each = 1, count do
    local charge = charges[each]
    if charge.enforced == enforced then
      local limit = charge.limit
      local cost = hasDuplicates and cumulativeCost(charge) or charge.cost
      local algorithm, state = A[limit.letter], stateNow(charge.index, limit)
      local isFitting = algorithm.fits(limit, state, cost)
      local facts = algorithm.facts
      charge.packedCost = COSTS[cost]
      charge.facts = facts and facts(limit, state, cost, isFitting) or algorithm.pack(state)
      charge.isFitting = isFitting
      charge.fasterRate = state.fasterRate
      if state.fasterRate then haveFasterRates = true end
      allFit = allFit and isFitting
    end
  end
  return allFit
end

local function emitResults()
  emit(haveFasterRates and '\4' or '\1')
  for each = 1, count do
    local charge = charges[each]
    parts[partCount + 1], parts[partCount + 2] = charge.packedCost, charge.facts
    partCount = partCount + 2
  end
  if haveFasterRates then
    for each = 1, count do emit(pack('>d', charges[each].fasterRate or 0)) end
  end
end

-- Takes the charges that fit. The job must be admitted.
local function takeFitting()
  for pass = 1, hasShadows and 2 or 1 do
    for each = 1, count do
      local charge = charges[each]
      if charge.isFitting and charge.cost > 0 and charge.enforced == (pass == 1) then
        take(charge.index, charge.limit, charge.cost, charge.lease)
      end
    end
  end
end

-- Stores the buckets of new keys, also if the job is refused.
local function startBuckets()
  for each = 1, count do
    local charge = charges[each]
    if charge.limit.initial then startBucket(charge.index, charge.limit, charge.cost) end
  end
end

local function decideAll(takes)
  readCharges(false)
  if isAnyUnusable() then return end
  local admitted = judge(true)
  -- Shadow charges are judged last, so that enforced charges take precedence.
  if hasShadows then judge(false) end
  if takes and admitted and isServerFull() then return emitFailure(FULL) end
  emitResults()
  if not takes then return end
  if admitted then takeFitting() end
  startBuckets()
end

local function readPenalties()
  for each = 1, count do
    local charge = charges[each]
    charge.penaltyIndex = jobs[cursor + 1] > 0 and jobs[cursor + 1]
    charge.length, charge.growth, charge.longest = jobs[cursor + 2], jobs[cursor + 3], jobs[cursor + 4]
    cursor = cursor + 4
  end
end

local function isAnyPenaltyUnusable()
  for each = 1, count do
    local index = charges[each].penaltyIndex
    if index and isUnusable(index, ANY_PENALTY) then return true end
  end
  return false
end

-- Reports whether a charge that its limit does not fit starts a penalty.
local function startsPenalty(charge)
  local limit = charge.limit
  local capacity = limit.letter == 't' and limit.burst or limit.limit
  return charge.penaltyIndex and charge.penaltyLeft == 0 and charge.cost > 0 and isWithin(charge.cost, capacity)
end

-- Decides a job with penalties. A running penalty refuses its charge, and a take starts the penalties
-- of the charges that their limits do not fit.
local function decideWithPenalties(takes)
  readCharges(false)
  readPenalties()
  if isAnyUnusable() or isAnyPenaltyUnusable() then return end
  local admitted = judge(true)
  if hasShadows then judge(false) end
  for each = 1, count do
    local charge = charges[each]
    charge.penaltyLeft = charge.penaltyIndex and penaltyLeft(charge.penaltyIndex) or 0
    charge.startsPenalty = takes and not charge.isFitting and startsPenalty(charge)
    if charge.penaltyLeft > 0 and charge.cost > 0 then
      charge.isFitting = false
      if charge.enforced then admitted = false end
    end
  end
  if takes and admitted and isServerFull() then return emitFailure(FULL) end
  for each = 1, count do
    local charge = charges[each]
    -- A full server refuses by the limit alone.
    if charge.startsPenalty and not isServerFull() then
      charge.penaltyLeft = startPenalty(charge.penaltyIndex, charge.length, charge.growth, charge.longest)
    end
  end
  emitResults()
  for each = 1, count do emit(pack('>d', charges[each].penaltyLeft)) end
  if not takes then return end
  if admitted then takeFitting() end
  startBuckets()
end

-- Reports whether a settlement frees a slot, which needs no memory.
local function isRelease(charge)
  return charge.limit.letter == 'n' and charge.cost == 0
end

-- Settles as many charges as possible: an unreadable key does not prevent the refunds of other
-- keys.
local function settleAll()
  readCharges(true)
  for each = 1, count do
    if charges[each].limit.outside then return emit('\2') end
  end
  local fault
  for each = 1, count do
    local charge = charges[each]
    local index, limit = charge.index, charge.limit
    currentKey = index
    if headers[index] == nil then load(index, limit) end
    local failure = faults[index]
    if not failure and isServerFull() and not isRelease(charge) then failure = FULL end
    if failure then fault = failure else settle(index, limit, charge.taken, charge.cost, charge.lease) end
  end
  if fault then emitFailure(fault) else emit('\1') end
end

local function doJob(operation)
  if operation < 3 then
    if decideBuckets(operation == 1) then return end
    if count == 1 then decideOne(operation == 1) else decideAll(operation == 1) end
  elseif operation == 3 then
    settleAll()
  else
    decideWithPenalties(operation == 5)
  end
end

-- Messages of errors caused by a value that looked readable but was not. Any other error comes from
-- the server and fails the call.
local UNREADABLE = { 'WRONGTYPE', 'attempt to', 'bad argument', 'too short', 'not a valid' }

local function isKeyError(failure)
  local message = type(failure) == 'table' and failure.err or failure
  for _, words in ipairs(UNREADABLE) do
    if string.find(message, words, 1, true) then return currentKey ~= nil end
  end
  return false
end

-- Fails the current job because of its key. The key is not accessed again, and jobs with other keys
-- continue. The arguments are the positions at which the job began.
local function failJob(operation, before, from, leasesBefore)
  faults[currentKey] = unreadable(currentKey)
  levels[currentKey], bucketLimits[currentKey] = nil, nil
  partCount = before
  for each = partCount + 1, #parts do parts[each] = nil end
  emitFailure(faults[currentKey])
  leases = leasesBefore
  for each = 1, count do
    if limits[template[3 * each - 2]].letter == 'n' then leases = leases + 1 end
  end
  cursor = from + (firstKey and 0 or count) + (operation < 3 and 0 or operation == 3 and 3 or 4) * count
end

local last = #jobs
while cursor < last do
  local operation = jobs[cursor + 1]
  cursor = cursor + 1
  if operation == 4 then
    cursor = cursor + 1
    isServerFull()
    reset(jobs[cursor])
    emit('\1')
  else
    nextJob()
    local before, from, leasesBefore, faultsBefore = partCount, cursor, leases, #errors
    currentKey = nil
    local done, failure = pcall(doJob, operation)
    if not done then
      if not isKeyError(failure) then error(failure) end
      for each = #errors, faultsBefore + 1, -1 do errors[each] = nil end
      failJob(operation, before, from, leasesBefore)
    end
  end
  if maybeIdle[1] then dropIdle() end
end

-- On a full server, the only writes are those that free slots. Redis accepts a first write that
-- needs no memory, and then all others.
if isFull and changes > 0 then redis.pcall('ZREM', KEYS[changedKeys[1]], '') end
for each = 1, changes do
  local index = changedKeys[each]
  local level = levels[index]
  if level then writeLevel(index, level) else writeState(index) end
end

return { table.concat(parts), unpack(errors) }

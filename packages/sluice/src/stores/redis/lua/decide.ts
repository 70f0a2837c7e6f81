/**
 * The script's last part: does the jobs one after the other, and writes what they changed.
 */
export const decide = `
-- What became of a job: 1 it was done, 2 a calendar limit came without the window that holds now, 3 it failed.
local function isHindered(index, limit)
  if limit.outside then
    say('\\2')
    return true
  end
  if headers[index] == nil then load(index, limit) end
  local fault = faults[index]
  if not fault then return false end
  say('\\3')
  faultsSaid[#faultsSaid + 1] = fault
  return true
end

local function nextLease()
  leases = leases + 1
  return ARGV[leases]
end

-- The charges of the job at hand. Their tables are used again by the next: making them anew took a third of its time.
local charges = {}
-- Whether two of them are to one key, and whether some are shadows.
local hasTwins, hasShadows

local function readCharges(count, areSettled)
  jobNumber, hasTwins, hasShadows = jobNumber + 1, false, false
  for each = 1, count do
    local charge = charges[each]
    if not charge then
      charge = {}
      charges[each] = charge
    end
    local index, shape = jobs[place + 1], shapes[jobs[place + 2]]
    place = place + 2
    local limit = limits[shape[1]]
    charge.index, charge.limit, charge.shape, charge.cost = index, limit, shape, shape[2]
    charge.enforced, charge.isFitting = shape[3] == 1, nil
    charge.lease = limit.letter == 'n' and nextLease() or ''
    if areSettled then
      charge.taken = { cost = jobs[place + 1], at = jobs[place + 2], resetAfter = jobs[place + 3] }
      place = place + 3
    end
    if jobOf[index] == jobNumber then hasTwins = true end
    jobOf[index] = jobNumber
    if not charge.enforced then hasShadows = true end
  end
end

local function areHindered(count)
  for each = 1, count do
    if isHindered(charges[each].index, charges[each].limit) then return true end
  end
  return false
end

local function saidOf(shape)
  if not shape.said then shape.said = pack('>d', shape[2]) end
  return shape.said
end

-- One charge alone, as nearly all requests in a cluster have and many elsewhere: half the time of the long way.
local function decideOne(takes)
  local index, shape = jobs[place + 1], shapes[jobs[place + 2]]
  place = place + 2
  local limit, cost = limits[shape[1]], shape[2]
  local lease = limit.letter == 'n' and nextLease() or ''
  if isHindered(index, limit) then return end
  local algorithm, state = A[limit.letter], stateNow(index, limit)
  local isFitting = algorithm.fits(limit, state, cost)
  local facts = algorithm.facts
  parts[said + 1] = '\\1'
  parts[said + 2] = shape.said or saidOf(shape)
  parts[said + 3] = facts and facts(limit, state, cost, isFitting) or algorithm.pack(state)
  said = said + 3
  if not takes or not isFitting or cost == 0 then return end
  if unders[index] ~= limit then state = stateNow(index, limit, true) end
  change(index, algorithm.take(limit, state, cost, lease))
end

-- What is asked of a key with what earlier charges of the same request take from it.
local function costWithTwins(charge, count)
  local cost = charge.cost
  if cost == 0 then return 0 end
  for each = 1, count do
    local other = charges[each]
    if other.isFitting and other.index == charge.index and other ~= charge then cost = cost + other.cost end
  end
  return cost
end

-- Judges the charges that are enforced, or those that are not; says whether all fit.
local function judge(count, enforced)
  local allFit = true
  for each = 1, count do
    local charge = charges[each]
    if charge.enforced == enforced then
      local limit, shape = charge.limit, charge.shape
      local cost = hasTwins and costWithTwins(charge, count) or charge.cost
      local algorithm, state = A[limit.letter], stateNow(charge.index, limit)
      local isFitting = algorithm.fits(limit, state, cost)
      local facts = algorithm.facts
      charge.said = cost == shape[2] and (shape.said or saidOf(shape)) or pack('>d', cost)
      charge.facts = facts and facts(limit, state, cost, isFitting) or algorithm.pack(state)
      charge.isFitting = isFitting
      allFit = allFit and isFitting
    end
  end
  return allFit
end

local function decideAll(count, takes)
  readCharges(count, false)
  if areHindered(count) then return end
  local admitted = judge(count, true)
  -- A shadow charge takes only what the enforced ones leave.
  if hasShadows then judge(count, false) end
  say('\\1')
  for each = 1, count do
    local charge = charges[each]
    parts[said + 1], parts[said + 2] = charge.said, charge.facts
    said = said + 2
  end
  if not takes or not admitted then return end
  for pass = 1, hasShadows and 2 or 1 do
    for each = 1, count do
      local charge = charges[each]
      if charge.isFitting and charge.cost > 0 and charge.enforced == (pass == 1) then
        local index, limit = charge.index, charge.limit
        change(index, A[limit.letter].take(limit, stateNow(index, limit, true), charge.cost, charge.lease))
      end
    end
  end
end

local function settleAll(count, undone)
  readCharges(count, true)
  if areHindered(count) then return end
  say('\\1')
  for each = 1, count do
    local charge = charges[each]
    charge.taken.undone = undone
    settle(charge.index, charge.limit, charge.taken, charge.cost, charge.lease)
  end
end

local last = #jobs
while place < last do
  local operation, count = jobs[place + 1], jobs[place + 2]
  place = place + 2
  if operation <= 2 then
    if not decideBuckets(count, operation == 1) then
      if count == 1 then decideOne(operation == 1) else decideAll(count, operation == 1) end
    end
  elseif operation <= 4 then
    settleAll(count, operation == 4)
  else
    reset(count)
    say('\\1')
  end
  if mendedOnes[1] then dropIdle() end
end

for _, index in ipairs(changedOnes) do keep(index) end

return { table.concat(parts), unpack(faultsSaid) }
`

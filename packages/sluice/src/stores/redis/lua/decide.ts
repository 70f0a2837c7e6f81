/**
 * The script's last part: what is asked, and the answer.
 *
 * A call brings jobs: requests to decide on, settlements, resets. They are done one after the other, as if each were a
 * call of its own at the same time; each key is read once and written once. ARGV: a time or '', and what `batch.ts`
 * writes: the limits, the shapes of the charges (place of the limit, cost, enforced) and the jobs as one row of numbers;
 * then the leases of the charges to `concurrency` limits, as they come.
 *
 * The answer is a row of bytes: the time, and what became of each job. For one that was decided that is, for each charge,
 * the cost that was asked for (with what earlier charges of the job take from the same key), and its state as it was or
 * the facts. After the bytes comes what was wrong with the jobs that failed.
 */
export const decide = `
local limits, shapes, jobs = unpack(cjson.decode(ARGV[2]))
local place, leases = 0, 2
local parts, said = { pack('>d', now) }, 1
local faultsSaid = {}

for _, limit in ipairs(limits) do
  local windows = limit.windows
  headOf(limit)
  limit.outside = windows and (now < windows[1] or now >= windows[3])
end

local function say(part)
  said = said + 1
  parts[said] = part
end

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

local function nextNumber()
  place = place + 1
  return jobs[place]
end

local function nextLease(limit)
  if limit.letter ~= 'n' then return '' end
  leases = leases + 1
  return ARGV[leases]
end

local function nextCharges(count, areSettled)
  local charges = {}
  for each = 1, count do
    local index, shape = nextNumber(), shapes[nextNumber()]
    local limit = limits[shape[1]]
    local charge = {
      index = index, limit = limit, cost = shape[2], enforced = shape[3] == 1, lease = nextLease(limit),
    }
    if areSettled then
      charge.taken = { cost = nextNumber(), at = nextNumber(), resetAfter = nextNumber() }
    end
    charges[each] = charge
  end
  return charges
end

local function areHindered(charges)
  for _, charge in ipairs(charges) do
    if isHindered(charge.index, charge.limit) then return true end
  end
  say('\\1')
  return false
end

-- One charge alone, as nearly all requests in a cluster have and many elsewhere: half the time of the long way.
local function decideOne(takes)
  local index, shape = jobs[place + 1], shapes[jobs[place + 2]]
  place = place + 2
  local limit, cost = limits[shape[1]], shape[2]
  local lease = limit.letter == 'n' and nextLease(limit)
  if isHindered(index, limit) then return end
  local algorithm, state = A[limit.letter], stateNow(index, limit)
  local isFitting = algorithm.fits(limit, state, cost)
  if not shape.said then shape.said = pack('>Bd', 1, cost) end
  local facts = algorithm.facts
  parts[said + 1] = shape.said
  parts[said + 2] = facts and facts(limit, state, cost, isFitting) or algorithm.pack(state)
  said = said + 2
  if takes and isFitting and cost > 0 then change(index, algorithm.take(limit, state, cost, lease)) end
end

-- A shadow charge takes only what the enforced ones leave.
local function inJudgingOrder(charges)
  local order = {}
  for _, charge in ipairs(charges) do
    if charge.enforced then order[#order + 1] = charge end
  end
  for _, charge in ipairs(charges) do
    if not charge.enforced then order[#order + 1] = charge end
  end
  return order
end

local function decideAll(count, takes)
  local charges = nextCharges(count, false)
  if areHindered(charges) then return end
  local order = inJudgingOrder(charges)
  local admitted = true
  for place, charge in ipairs(order) do
    local index, limit, cost = charge.index, charge.limit, charge.cost
    -- What earlier charges of the same request take from the same state.
    for before = 1, cost > 0 and place - 1 or 0 do
      local earlier = order[before]
      if earlier.index == index and earlier.isFitting then cost = cost + earlier.cost end
    end
    local algorithm, state = A[limit.letter], stateNow(index, limit)
    charge.isFitting = algorithm.fits(limit, state, cost)
    local facts = algorithm.facts and algorithm.facts(limit, state, cost, charge.isFitting) or algorithm.pack(state)
    charge.said = pack('>d', cost) .. facts
    if charge.enforced and not charge.isFitting then admitted = false end
  end
  for _, charge in ipairs(order) do
    if takes and admitted and charge.isFitting and charge.cost > 0 then
      local index, limit = charge.index, charge.limit
      change(index, A[limit.letter].take(limit, stateNow(index, limit), charge.cost, charge.lease))
    end
  end
  for _, charge in ipairs(charges) do say(charge.said) end
end

local function settleAll(count, undone)
  local charges = nextCharges(count, true)
  if areHindered(charges) then return end
  for _, charge in ipairs(charges) do
    charge.taken.undone = undone
    settle(charge.index, charge.limit, charge.taken, charge.cost, charge.lease)
  end
end

local last = #jobs
while place < last do
  local operation, count = jobs[place + 1], jobs[place + 2]
  place = place + 2
  if operation <= 2 then
    if count == 1 then decideOne(operation == 1) else decideAll(count, operation == 1) end
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

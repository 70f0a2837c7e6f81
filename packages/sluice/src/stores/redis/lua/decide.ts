/**
 * The script's last part: what is asked, and the answer.
 *
 * KEYS[i] is the key of the i-th charge. ARGV: what to do (`take`, `peek`, `settle` or `undo`; after a `+` the verdicts
 * as if nothing had been taken follow), a time or '', and for each charge: letter, limit, period, burst, zone and windows, cost,
 * enforced, lease, and to settle: what was taken, when, and its resetAfter. The answer is the time, and a line a verdict;
 * or 'window' and the time, where a calendar limit came without the window that holds now.
 */
export const decide = `
local isSettling = op == 'settle' or op == 'undo'
local stride = isSettling and 11 or 8
local withUntaken = string.sub(op, -1) == '+'

local function chargeAt(index)
  local from = 2 + (index - 1) * stride
  local function argument(offset) return ARGV[from + offset] end
  local limit = {
    letter = argument(1),
    limit = tonumber(argument(2)),
    period = tonumber(argument(3)),
    burst = tonumber(argument(4)),
    zone = '',
  }
  if argument(5) ~= '' then
    local first, second, third, zone = string.match(argument(5), '^(%S+) (%S+) (%S+) (%S+)$')
    limit.windows = { tonumber(first), tonumber(second), tonumber(third) }
    limit.zone = zone
  end
  local charge = {
    key = KEYS[index],
    limit = limit,
    cost = tonumber(argument(6)),
    enforced = argument(7) == '1',
    lease = argument(8),
  }
  if isSettling then
    charge.taken = {
      cost = tonumber(argument(9)), at = tonumber(argument(10)), resetAfter = tonumber(argument(11)),
      undone = op == 'undo',
    }
  end
  return charge
end

local charges = {}
for index = 1, #KEYS do
  local charge = chargeAt(index)
  local windows = charge.limit.windows
  if windows and (now < windows[1] or now >= windows[3]) then return { 'window', text(now) } end
  charges[index] = charge
end

if isSettling then
  for _, charge in ipairs(charges) do
    settle(charge.key, charge.limit, charge.taken, charge.cost, charge.lease)
  end
else
  -- A shadow charge takes only what the enforced ones leave.
  local order = {}
  for _, charge in ipairs(charges) do
    if charge.enforced then order[#order + 1] = charge end
  end
  for _, charge in ipairs(charges) do
    if not charge.enforced then order[#order + 1] = charge end
  end
  local admitted = true
  for index, charge in ipairs(order) do
    local cost = charge.cost
    -- What earlier charges of the same request take from the same state.
    for before = 1, cost > 0 and index - 1 or 0 do
      local earlier = order[before]
      if earlier.key == charge.key and earlier.verdict[1] then cost = cost + earlier.cost end
    end
    charge.state = entryNow(charge.key, charge.limit).state
    charge.verdict = A[charge.limit.letter].judge(charge.limit, charge.state, cost)
    if charge.enforced and not charge.verdict[1] then admitted = false end
  end
  for _, charge in ipairs(order) do
    charge.untaken = charge.verdict
    if charge.verdict[1] and (withUntaken or not admitted) then
      charge.untaken = A[charge.limit.letter].judge(charge.limit, charge.state, 0)
    end
  end
  for _, charge in ipairs(order) do
    if not admitted then charge.verdict = charge.untaken end
    if admitted and charge.verdict[1] and charge.cost > 0 and string.sub(op, 1, 4) == 'take' then
      local entry = entryNow(charge.key, charge.limit)
      entry.state = A[charge.limit.letter].take(charge.limit, entry.state, charge.cost, charge.lease)
      entry.changed = true
    end
  end
end

for _, entry in pairs(entries) do
  if entry.changed or entry.repaired then keep(entry) end
end

local reply = { text(now) }
local function answer(verdict)
  local line = verdict[1] and '1' or '0'
  for index = 2, 5 do line = line .. ' ' .. text(verdict[index]) end
  reply[#reply + 1] = line
end
if not isSettling then
  for _, charge in ipairs(charges) do answer(charge.verdict) end
  if withUntaken then
    for _, charge in ipairs(charges) do answer(charge.untaken) end
  end
end
return reply
`

-- The fast path for most requests: charges to token buckets whose state was stored under the
-- requested limit. Only the current level of such a bucket is kept in memory. Results and writes
-- equal those of the general path in `main.lua`, but a request of five charges takes 13 µs instead
-- of 20 µs. Everything else (another algorithm or limit, a bucket with initial units, a shadow charge, a key charged twice, a
-- clock that was set back) takes the general path.

-- Maximum number of charges. The results of more might not fit on the Lua stack.
local MAX_CHARGES = 100
-- Format of the result, by the number of charges.
local FORMATS = setmetatable({}, { __index = function(made, count)
  made[count] = '>B' .. string.rep('dd', count)
  return made[count]
end })
-- The result of the current job: a cost and a level for each charge.
local found = {}
-- By the position of a template: true if all of its charges are enforced charges to token buckets.
local areBuckets = {}

local function isBucketTemplate(template)
  if #template > 3 * MAX_CHARGES then return false end
  for each = 1, #template, 3 do
    local limit = limits[template[each]]
    if limit.letter ~= 't' or limit.initial or template[each + 2] == 0 then return false end
  end
  return true
end

-- Returns the current level of a key, or nil if it holds something else or the general path has
-- loaded it.
local function levelOf(index, limit)
  local known = bucketLimits[index]
  if known then return known.head == limit.head and levels[index] end
  if headers[index] ~= nil then return end
  if not strings then readStrings() end
  local header, level = strings[index], 0
  if header then
    if #header ~= limit.size or sub(header, 1, limit.headSize) ~= limit.head then return end
    local expiry, at, before = unpackFrom('>ddd', header, limit.headSize + 1)
    -- Both comparisons are false for NaN.
    if not (now >= at and before >= 0) then return end
    expiries[index] = expiry
    level = before - ((now - at) * limit.limit) / limit.period
    if not (level > 0) then level = 0 end
  elseif call('TYPE', KEYS[index]).ok ~= 'none' then
    return
  end
  bucketLimits[index], levels[index] = limit, level
  return level
end

-- Decides a job, or returns false if the fast path does not apply.
local function decideBuckets(takes)
  local hasOnlyBuckets = areBuckets[templatePosition]
  if hasOnlyBuckets == nil then
    hasOnlyBuckets = isBucketTemplate(template)
    areBuckets[templatePosition] = hasOnlyBuckets
  end
  if not hasOnlyBuckets or hasDuplicateKeys() then return false end
  local allFit = true
  for each = 1, count do
    local limit, cost = limits[template[3 * each - 2]], template[3 * each - 1]
    local level = levelOf(firstKey and firstKey + each or jobs[cursor + each], limit)
    if not level then return false end
    if cost > 0 and level + cost > limit.maxLevel then allFit = false end
    found[2 * each - 1], found[2 * each] = cost, level
  end
  if takes and allFit and isServerFull() then
    if not firstKey then cursor = cursor + count end
    emitFailure(FULL)
    return true
  end
  emit(pack(FORMATS[count], 1, unpack(found, 1, 2 * count)))
  if takes and allFit then
    for each = 1, count do
      local cost = found[2 * each - 1]
      if cost > 0 then
        local index = firstKey and firstKey + each or jobs[cursor + each]
        levels[index] = found[2 * each] + cost
        markChanged(index)
      end
    end
  end
  if not firstKey then cursor = cursor + count end
  return true
end

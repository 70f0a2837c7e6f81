-- The jobs of a call, and its reply.
--
-- A call consists of jobs: requests to decide, settlements and resets. They run one after another,
-- as if each were a separate call at the same time, but each key is read and written only once.
--
-- ARGV[1] is '', or the time in a test. ARGV[2] is what `batch.ts` encodes: the limits, the
-- templates of jobs (for each charge the position of its limit, its cost, and whether it is
-- enforced), and the jobs as one array of numbers. The leases of the charges to concurrency limits
-- follow, in order.
--
-- A job consists of its operation, the position of its template, and the position of its first key
-- if the keys of its charges are adjacent. If they are not, 0 and the position of each key follow
-- instead. A settlement ends with the cost, time and `resetAfter` of each original take. A decision
-- with penalties ends with four numbers for each charge: the position of the key of its penalty, or
-- 0, and the length, growth and maximum of the penalty. A reset consists of its operation and the
-- position of a key.
--
-- The reply begins with a string of bytes: the time, and the result of each job. The result of a
-- decision contains, for each charge, the cost that was judged (including what earlier charges of
-- the job take from the same key), and the state that was found or the facts. The errors of the
-- failed jobs follow the string.

local limits, templates, jobs = unpack(cjson.decode(ARGV[2]))
local cursor, leases = 0, 2
local parts, partCount = { pack('>d', now) }, 1
local errors = {}

for _, limit in ipairs(limits) do
  local windows = limit.windows
  headOf(limit)
  limit.outside = windows and (now < windows[1] or now >= windows[3])
  if limit.letter == 't' then limit.maxLevel = withTolerance(limit.burst) end
end

local function emit(part)
  partCount = partCount + 1
  parts[partCount] = part
end

-- Reports the failure of a job, and its error.
local function emitFailure(fault)
  emit('\3')
  errors[#errors + 1] = fault
end

-- The current job: its template, the number of its charges, and the position before its first key
-- if its keys are adjacent.
local templatePosition, template, count, firstKey
-- Number of the current job, and of the last job that charged each key. Counts only jobs whose keys
-- are not adjacent.
local jobNumber, jobOf = 0, {}

local function nextJob()
  templatePosition = jobs[cursor + 1]
  template = templates[templatePosition]
  count = #template / 3
  firstKey = jobs[cursor + 2] > 0 and jobs[cursor + 2] - 1
  cursor = cursor + 2
end

-- Reports whether two charges of the job have the same key.
local function hasDuplicateKeys()
  if firstKey then return false end
  jobNumber = jobNumber + 1
  for each = 1, count do
    local index = jobs[cursor + each]
    if jobOf[index] == jobNumber then return true end
    jobOf[index] = jobNumber
  end
  return false
end

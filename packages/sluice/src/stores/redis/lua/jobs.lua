-- The jobs of a call and its reply.
--
-- A call brings jobs: requests to decide, settlements and resets. They run one after the other, as
-- if each were a call of its own at the same time; each key is read once and written once. ARGV: a
-- time or '', and what `batch.ts` writes: the limits, the kinds of jobs (of each charge the
-- position of its limit, its cost, and whether it is enforced) and the jobs as one array of
-- numbers; then the leases of the charges to concurrency limits, in order.
--
-- A job is its operation, the position of its kind, and the position of its first charge's key,
-- with the keys of the other charges after it; or 0, and then the position of each key. A reset is
-- its operation and a key.
--
-- The reply is a string of bytes: the time, and the result of each job. The result of a decision
-- is, for each charge, the cost that was judged (with what earlier charges of the job take from the
-- same key), and its state as found or the facts. After the bytes come the errors of the jobs that
-- failed.

local limits, jobKinds, jobs = unpack(cjson.decode(ARGV[2]))
local place, leases = 0, 2
local parts, partCount = { pack('>d', now) }, 1
local errors = {}

for _, limit in ipairs(limits) do
  local windows = limit.windows
  headOf(limit)
  limit.outside = windows and (now < windows[1] or now >= windows[3])
  if limit.letter == 't' then limit.most = mostOf(limit.burst) end
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

-- The current job: its kind, the number of its charges, and the position before its first key if
-- the keys are adjacent.
local kindPlace, kind, count, firstKey
-- For other jobs, the last job that charged each key.
local jobNumber, jobOf = 0, {}

local function nextJob()
  kindPlace = jobs[place + 1]
  kind = jobKinds[kindPlace]
  count = #kind / 3
  firstKey = jobs[place + 2] > 0 and jobs[place + 2] - 1
  place = place + 2
end

-- Reports whether two charges of the job have the same key.
local function areTwins()
  if firstKey then return false end
  jobNumber = jobNumber + 1
  for each = 1, count do
    local index = jobs[place + each]
    if jobOf[index] == jobNumber then return true end
    jobOf[index] = jobNumber
  end
  return false
end

/**
 * The script's part that knows what is asked, and how the answer is put together.
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
export const asked = `
local limits, shapes, jobs = unpack(cjson.decode(ARGV[2]))
local place, leases = 0, 2
local parts, said = { pack('>d', now) }, 1
local faultsSaid = {}

for _, limit in ipairs(limits) do
  local windows = limit.windows
  headOf(limit)
  limit.outside = windows and (now < windows[1] or now >= windows[3])
  if limit.letter == 't' then limit.most = mostOf(limit.burst) end
end

local function say(part)
  said = said + 1
  parts[said] = part
end
`

/**
 * All keys share a slot, so that one script can change several:
 *
 * - `key:DIGEST`: a hash with the record of a key as JSON, and the minute of its last use;
 * - `ids`: the digests by the number that their first 12 digits form;
 * - `created`: the digests by the time at which the key was created;
 * - `changes`: the digests by the version of their last change;
 * - `limited`: the digests of keys with limits by the time at which the key was created;
 * - `meta`: the current version, the version of the last change to limits, the last version that
 *   `changes` no longer contains, and a random name of the data, which tells lost data from old data.
 */
const PREFIX = 'sluice:keys:v1:{keys}:'

export const IDS = `${PREFIX}ids`
export const CREATED = `${PREFIX}created`
export const CHANGES = `${PREFIX}changes`
export const LIMITED = `${PREFIX}limited`
export const META = `${PREFIX}meta`

export function hashOf(digest: string): string {
  return `${PREFIX}key:${digest}`
}

/** Maximum number of keys whose last change is kept. Gateways that missed more forget all keys. */
const MAX_CHANGES = 10_000

// The scripts use only commands that the store needs too, so its Redis user suffices.

export const LOOKUP = `return redis.call('HGET', KEYS[1], 'record')`

/** Returns the record and the last use of each key. */
export const RECORDS = `
local found = {}
for index, key in ipairs(KEYS) do
  found[2 * index - 1] = redis.call('HGET', key, 'record')
  found[2 * index] = redis.call('HGET', key, 'used')
end
return found`

/** Returns digests by the number of their first digits. */
export const FIND = `return redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])`

/** Returns digests and when they were created, the newest first. */
export const LIST = `return redis.call('ZREVRANGEBYSCORE', KEYS[1], ARGV[1], '-inf', 'WITHSCORES', 'LIMIT', ARGV[2], ARGV[3])`

/**
 * Writes several keys, or none if the record of one is no longer the expected one. An edit consists of
 * the digest, the expected record, the new record, the first and the last number of the ID, the number
 * in \`ids\`, the time of creation, and \`set\` or \`remove\` for a key that has limits or loses them. A missing record is an empty string.
 */
export const WRITE = `
local epoch, max, maxLimited = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local edits = (#ARGV - 3) / 8
for edit = 0, edits - 1 do
  local at = 4 + edit * 8
  local record = redis.call('HGET', KEYS[6 + edit], 'record') or ''
  if record ~= ARGV[at + 1] then return 'changed' end
  if record == '' then
    if ARGV[at + 7] == 'set' and redis.call('ZCOUNT', KEYS[5], '-inf', '+inf') >= maxLimited then
      return 'fullOfLimits'
    end
    if redis.call('ZCOUNT', KEYS[1], '-inf', '+inf') >= max then return 'full' end
    if redis.call('ZCOUNT', KEYS[1], ARGV[at + 3], ARGV[at + 4]) > 0 then return 'taken' end
  end
end
if not redis.call('HGET', KEYS[4], 'epoch') then redis.call('HSET', KEYS[4], 'epoch', epoch) end
local version = tonumber(redis.call('HGET', KEYS[4], 'version') or '0')
for edit = 0, edits - 1 do
  local at = 4 + edit * 8
  local digest, record, limits = ARGV[at], ARGV[at + 2], ARGV[at + 7]
  if record == '' then
    redis.call('UNLINK', KEYS[6 + edit])
    redis.call('ZREM', KEYS[1], digest)
    redis.call('ZREM', KEYS[2], digest)
  else
    redis.call('HSET', KEYS[6 + edit], 'record', record)
    redis.call('ZADD', KEYS[1], ARGV[at + 5], digest)
    redis.call('ZADD', KEYS[2], ARGV[at + 6], digest)
  end
  version = version + 1
  redis.call('ZADD', KEYS[3], version, digest)
  if limits == 'set' then redis.call('ZADD', KEYS[5], ARGV[at + 6], digest) end
  if limits == 'remove' then redis.call('ZREM', KEYS[5], digest) end
  if limits ~= '' then redis.call('HSET', KEYS[4], 'limits', string.format('%.0f', version)) end
end
redis.call('HSET', KEYS[4], 'version', string.format('%.0f', version))
local excess = redis.call('ZCOUNT', KEYS[3], '-inf', '+inf') - ${MAX_CHANGES}
if excess > 0 then
  local old = redis.call('ZRANGE', KEYS[3], 0, excess - 1, 'WITHSCORES')
  for index = 1, #old, 2 do
    redis.call('ZREM', KEYS[3], old[index])
    redis.call('HSET', KEYS[4], 'floor', old[index + 1])
  end
end
return 'done'`

/**
 * Returns the name and version of the data, the version of the last change to limits, \`1\` if all keys
 * may have changed, and the digests that changed after a version.
 */
export const CHANGED = `
local epoch = redis.call('HGET', KEYS[2], 'epoch') or ''
local version = redis.call('HGET', KEYS[2], 'version') or '0'
local limits = redis.call('HGET', KEYS[2], 'limits') or '0'
local floor = tonumber(redis.call('HGET', KEYS[2], 'floor') or '0')
if epoch == ARGV[1] and version == ARGV[2] then return {epoch, version, limits, '0'} end
if epoch ~= ARGV[1] or tonumber(version) < tonumber(ARGV[2]) or floor > tonumber(ARGV[2]) then
  return {epoch, version, limits, '1'}
end
local reply = {epoch, version, limits, '0'}
for _, digest in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[2], '+inf')) do
  reply[#reply + 1] = digest
end
return reply`

/** Records the minutes in which keys were used. */
export const USED = `
for index, key in ipairs(KEYS) do
  if redis.call('HGET', key, 'record') and tonumber(redis.call('HGET', key, 'used') or '0') < tonumber(ARGV[index]) then
    redis.call('HSET', key, 'used', ARGV[index])
  end
end`

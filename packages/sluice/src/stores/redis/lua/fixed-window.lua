-- Fixed window (`algorithms/fixed-window.ts`). Lua has no time zones, so the client sends two
-- windows with a calendar limit: the one that contains its current time and the next one. The
-- script decides only if its own time is in one of them.

define.f = function()
  local MAX_JITTER_MS = 60000

  -- A stored calendar limit that is only read to be replaced has no windows. Its bounds are not
  -- used.
  local function windowAt(limit)
    if limit.zone == '' then return now, now + limit.period end
    local windows = limit.windows
    if not windows then return now, now end
    if now < windows[2] then return windows[1], windows[2] end
    return windows[2], windows[3]
  end

  local function newWindow(limit, count)
    local start, finish = windowAt(limit)
    return { at = now, start = start, finish = finish, count = count }
  end

  return {
    kind = 'string',
    size = 32,

    -- Returns the state of a calendar limit without windows. It does not change, even if the clock
    -- was set back.
    unchanged = function(state)
      return { at = max(now, state.at), start = state.start, finish = state.finish, count = state.count }
    end,

    fresh = function(limit)
      return newWindow(limit, 0)
    end,

    advance = function(limit, state)
      local calendar = limit.zone ~= ''
      if now >= state.finish or (state.count == 0 and not calendar) then return newWindow(limit, 0) end
      if now >= state.start or (calendar and state.start - now <= MAX_JITTER_MS) then
        return { at = now, start = state.start, finish = state.finish, count = state.count }
      end
      return newWindow(limit, state.count)
    end,

    fits = function(limit, state, cost)
      return cost == 0 or isWithin(state.count + cost, limit.limit)
    end,

    take = function(limit, state, cost)
      state.count = state.count + cost
      return state
    end,

    settle = function(limit, state, taken, cost)
      local difference = cost - taken.cost
      if difference >= 0 or taken.at >= state.start then state.count = max(0, state.count + difference) end
      return state
    end,

    usage = function(limit, state)
      local count, moment = state.count, max(now, state.at)
      if count == 0 or now >= state.finish then return nil end
      return { units = count, sinceAge = max(0, moment - state.start), lastAge = moment - state.at }
    end,

    fromUsage = function(limit, usage)
      if limit.zone ~= '' then
        local state = newWindow(limit, usage.units)
        if now - usage.lastAge < state.start then state.count = 0 end
        return state
      end
      local start = now - ageOfWindow(limit.period, usage)
      if now - start >= limit.period then return newWindow(limit, 0) end
      return { at = now, start = start, finish = start + limit.period, count = usage.units }
    end,

    idleAfter = function(limit, state)
      return state.count == 0 and 0 or max(0, state.finish - state.at)
    end,

    pack = function(state)
      return pack('>dddd', state.at, state.start, state.finish, state.count)
    end,

    unpack = function(header, from)
      local at, start, finish, count = unpackFrom('>dddd', header, from)
      return { at = at, start = start, finish = finish, count = count }
    end,
  }
end

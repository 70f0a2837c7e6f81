/**
 * The script's part for `limits/fixed-window.ts`. Lua knows no time zones: a calendar limit comes with two windows,
 * the one that holds the client's idea of now and the next. The script answers only where its own now lies in one.
 */
export const fixedWindow = `
define.f = function()
  local TREMBLE = 60000

  -- A calendar limit that is only read to be replaced comes without windows, and nobody looks at its borders.
  local function windowAt(limit)
    if limit.zone == '' then return now, now + limit.period end
    local windows = limit.windows
    if not windows then return now, now end
    if now < windows[2] then return windows[1], windows[2] end
    return windows[2], windows[3]
  end

  local function opened(limit, count)
    local start, finish = windowAt(limit)
    return { at = now, start = start, finish = finish, count = count }
  end

  local function withUsed(limit, fraction)
    return opened(limit, fraction * limit.limit)
  end

  return {
    kind = 'string',
    size = 32,

    -- Whether a calendar window that was read is still the one in force.
    isOpen = function(state)
      return now < state.finish and state.start - now <= TREMBLE
    end,

    fresh = function(limit)
      return opened(limit, 0)
    end,

    advance = function(limit, state)
      local calendar = limit.zone ~= ''
      if now >= state.finish or (state.count == 0 and not calendar) then return opened(limit, 0) end
      if now >= state.start or (calendar and state.start - now <= TREMBLE) then
        state.at = now
        return state
      end
      return opened(limit, state.count)
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

    usedFraction = function(limit, state)
      return state.count / limit.limit
    end,

    withUsed = withUsed,

    rescale = function(from, to, state)
      local fraction = state.count / from.limit
      local count = fraction * to.limit
      if from.period == to.period and from.zone == to.zone then
        return { at = state.at, start = state.start, finish = state.finish, count = count }
      end
      if to.zone ~= '' then return withUsed(to, fraction) end
      local start = state.at - ((state.at - state.start) * to.period) / from.period
      return { at = state.at, start = start, finish = start + to.period, count = count }
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
`

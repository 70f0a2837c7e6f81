import { Choice } from '../components/choice.js'
import { routeName } from '../components/route-name.js'
import type { Minutes } from './view.js'

/** Selects the route and the time range of the plots. */
export function PlotTools({
  routes,
  route,
  minutes,
  onRoute,
  onMinutes,
}: {
  readonly routes: readonly string[]
  readonly route: string | undefined
  readonly minutes: Minutes
  readonly onRoute: (route: string | undefined) => void
  readonly onMinutes: (minutes: Minutes) => void
}) {
  const index = route === undefined ? -1 : routes.indexOf(route)
  const removed = route === undefined || index >= 0 ? [] : [route]
  const all = [...routes, ...removed]
  return (
    <div class="tools plot-tools">
      <label>
        <span class="visually-hidden">Route shown in the plots</span>
        <select
          value={route === undefined ? '' : String(all.indexOf(route))}
          onChange={(event) => onRoute(all[Number.parseInt(event.currentTarget.value, 10)])}
        >
          <option value="">All routes</option>
          {all.map((each, index) => (
            <option key={each} value={String(index)}>
              {routeName(each)}
            </option>
          ))}
        </select>
      </label>
      <Choice<Minutes>
        legend="Time range of the plots"
        name="minutes"
        options={{ '1': '1 min', '5': '5 min', '15': '15 min' }}
        value={minutes}
        onChoose={onMinutes}
      />
    </div>
  )
}

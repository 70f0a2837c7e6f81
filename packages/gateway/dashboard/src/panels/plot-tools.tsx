import { Choice } from '../components/choice.js'
import { routeName } from '../components/route-name.js'
import type { Minutes } from './view.js'

/** What the plots below are of. */
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
  const chosen = route === undefined ? -1 : routes.indexOf(route)
  const others = route === undefined || chosen >= 0 ? [] : [route]
  const all = [...routes, ...others]
  return (
    <div class="tools plot-tools">
      <label>
        <span class="visually-hidden">Route that the plots show</span>
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
        legend="How far back the plots go"
        name="minutes"
        options={{ '1': '1 min', '5': '5 min', '15': '15 min' }}
        value={minutes}
        onChoose={onMinutes}
      />
    </div>
  )
}

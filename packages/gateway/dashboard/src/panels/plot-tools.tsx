import { Choice } from '../components/choice.js'
import { routeName } from '../components/route-name.js'
import { changedSpan, type Minutes, type Period, periodLabel, type TimeSpan } from './view.js'

/** Selects the route and the period of the plots. */
export function PlotTools({
  routes,
  route,
  period,
  span,
  onRoute,
  onPeriod,
}: {
  readonly routes: readonly string[]
  readonly route: string | undefined
  readonly period: Period
  /** The period as it is shown. */
  readonly span: TimeSpan
  readonly onRoute: (route: string | undefined) => void
  readonly onPeriod: (period: Period) => void
}) {
  const index = route === undefined ? -1 : routes.indexOf(route)
  const removed = route === undefined || index >= 0 ? [] : [route]
  const all = [...routes, ...removed]
  const zoom = (shift: number, factor: number) =>
    onPeriod({ ...period, zoom: changedSpan(span, shift, factor, Date.now()) })
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
      <Choice<Minutes | 'zoom'>
        legend="Time range of the plots"
        name="minutes"
        options={
          {
            '1': '1 min',
            '5': '5 min',
            '15': '15 min',
            '60': '1 h',
            '360': '6 h',
            '1440': '24 h',
            ...(period.zoom !== undefined && { zoom: periodLabel({ period }) }),
          } as Record<Minutes | 'zoom', string>
        }
        value={period.zoom === undefined ? period.minutes : 'zoom'}
        onChoose={(minutes) => minutes !== 'zoom' && onPeriod({ minutes, zoom: undefined })}
      />
      <fieldset class="zoom">
        <legend class="visually-hidden">Zoom</legend>
        <ZoomButton name="Earlier" sign="‹" onClick={() => zoom(-0.5, 1)} />
        <ZoomButton name="Later" sign="›" onClick={() => zoom(0.5, 1)} />
        <ZoomButton name="Zoom in; or drag on a plot" sign="+" onClick={() => zoom(0, 0.5)} />
        <ZoomButton name="Zoom out" sign="−" onClick={() => zoom(0, 2)} />
      </fieldset>
    </div>
  )
}

function ZoomButton({
  name,
  sign,
  onClick,
}: {
  readonly name: string
  readonly sign: string
  readonly onClick: () => void
}) {
  return (
    <button type="button" title={name} aria-label={name} onClick={onClick}>
      {sign}
    </button>
  )
}

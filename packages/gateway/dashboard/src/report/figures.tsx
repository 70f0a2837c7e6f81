import { duration } from '../components/format.js'
import { Tile, Tiles } from '../components/tile.js'
import { number, part } from './report-format.js'
import type { Side } from './sides.js'

/** The key figures of a policy. */
export function Figures({ name, report }: Side) {
  const { requests, tokens, longestLockout, waits } = report
  const { played, refused, falselyRefused, allowed } = requests
  return (
    <section aria-label={name === '' ? 'Summary' : name}>
      {name !== '' && <h2>{name}</h2>}
      <Tiles>
        <Tile title="Requests" figure={number(played)} below={`${number(allowed)} allowed`} />
        <Tile title="Refused" figure={number(refused)} below={part(refused, played)} />
        <Tile
          title="False refusals"
          figure={number(falselyRefused)}
          below="an exact limiter would have allowed these"
        />
        <Tile
          title="Longest lockout"
          figure={longestLockout === null ? 'none' : duration(longestLockout.length)}
          below={longestLockout?.client}
        />
        <Tile
          title="Waited for a limit"
          figure={number(waits?.count ?? 0)}
          below={waits === null ? '' : `p95 ${duration(waits.p95)}`}
        />
        <Tile
          title="Tokens admitted"
          figure={number(tokens.admitted)}
          below={tokens.offered === 0 ? 'none recorded' : `of ${number(tokens.offered)}`}
        />
      </Tiles>
    </section>
  )
}

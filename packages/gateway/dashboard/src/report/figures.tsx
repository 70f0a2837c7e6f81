import { duration } from '../components/format.js'
import { Tile, Tiles } from '../components/tile.js'
import { number, part } from './report-format.js'
import type { Side } from './sides.js'

/** What a policy came to, in a few figures. */
export function Figures({ name, report }: Side) {
  const { requests, tokens, longestLockout, waits } = report
  const { played, refused, falselyRefused, allowed } = requests
  return (
    <section aria-label={name === '' ? 'In short' : name}>
      {name !== '' && <h2>{name}</h2>}
      <Tiles>
        <Tile title="Requests" figure={number(played)} below={`${number(allowed)} let in`} />
        <Tile title="Refused" figure={number(refused)} below={part(refused, played)} />
        <Tile
          title="Refused falsely"
          figure={number(falselyRefused)}
          below="a perfect limiter would have let them in"
        />
        <Tile
          title="Longest lock-out"
          figure={longestLockout === null ? 'none' : duration(longestLockout.length)}
          below={longestLockout?.client}
        />
        <Tile
          title="Waited for a slot"
          figure={number(waits?.count ?? 0)}
          below={waits === null ? '' : `p95 ${duration(waits.p95)}`}
        />
        <Tile
          title="Tokens let in"
          figure={number(tokens.admitted)}
          below={tokens.offered === 0 ? 'none were recorded' : `of ${number(tokens.offered)}`}
        />
      </Tiles>
    </section>
  )
}

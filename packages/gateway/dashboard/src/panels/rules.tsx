import { useMemo, useRef, useState } from 'preact/hooks'
import './rules.css'
import type { Status } from '../../../src/server/admin/api/gateway-status.js'
import type { ActionHandler } from '../actions/pending-action.js'
import { Choice } from '../components/choice.js'
import { count } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { RuleItem } from './rule-item.js'
import {
  filterRules,
  type ListedRule,
  listRules,
  nameOf,
  type RuleOrder,
  sortByIds,
  sortRules,
} from './rule-list.js'

const FIRST = 15

/** How full each rule is, and what it has decided. */
export function Rules({
  status,
  propose,
  onClient,
}: {
  readonly status: Status
  readonly propose: ActionHandler | undefined
  readonly onClient: (client: string) => void
}) {
  const [order, setOrder] = useState<RuleOrder>('fullest')
  const [text, setText] = useState('')
  const [whole, setWhole] = useState(false)
  const rules = useMemo(() => listRules(status.routes), [status])
  const { sorted, open, onToggle } = useStableOrder(rules, order)
  const found = useMemo(() => filterRules(sorted, text), [sorted, text])
  return (
    <Panel
      id="rules"
      title="Rules"
      note={`how full each is for the client nearest to its limit, of ${count(status.clientsTracked)} keys followed`}
      tools={
        rules.length > 1 && (
          <div class="tools">
            <label>
              <span class="visually-hidden">Find rules by route, name or client</span>
              <input
                type="search"
                placeholder="Find a rule"
                value={text}
                onInput={(event) => setText(event.currentTarget.value)}
              />
            </label>
            <Choice
              legend="Order of the rules"
              name="order"
              options={{ fullest: 'Fullest first', file: 'As in the file' }}
              value={order}
              onChoose={setOrder}
            />
          </div>
        )
      }
    >
      {rules.length === 0 && (
        <Empty>
          No route has a limit yet. Each rule of the file is listed here with the clients that are nearest to
          it.
        </Empty>
      )}
      {rules.length > 0 && found.length === 0 && <Empty>No rule has “{text}” in it.</Empty>}
      <ul class="rules">
        {(whole ? found : found.slice(0, FIRST)).map(({ route, rule }) => (
          <RuleItem
            key={nameOf({ route, rule })}
            open={open.has(nameOf({ route, rule }))}
            onToggle={(open) => onToggle(nameOf({ route, rule }), open)}
            route={route}
            rule={rule}
            propose={propose}
            onClient={onClient}
          />
        ))}
      </ul>
      {found.length > FIRST && (
        <button type="button" class="more" onClick={() => setWhole(!whole)}>
          {whole ? `Show the first ${FIRST} rules` : `Show all ${found.length} rules`}
        </button>
      )}
    </Panel>
  )
}

/** The rules in order; while one is open, none changes its place under the reader's hands. */
function useStableOrder(rules: readonly ListedRule[], order: RuleOrder) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set())
  const held = useRef<readonly string[]>([])
  const sorted = useMemo(() => {
    if (order === 'fullest' && rules.some((rule) => open.has(nameOf(rule))))
      return sortByIds(rules, held.current)
    const sorted = sortRules(rules, order)
    held.current = sorted.map(nameOf)
    return sorted
  }, [rules, order, open])
  const onToggle = (name: string, isOpen: boolean) =>
    setOpen((before) => new Set(isOpen ? [...before, name] : [...before].filter((each) => each !== name)))
  return { sorted, open, onToggle }
}

import { useMemo, useRef, useState } from 'preact/hooks'
import './rules.css'
import type { Status } from '../../../src/server/admin/api/gateway-status.js'
import type { ActionHandler } from '../actions/pending-action.js'
import { Choice } from '../components/choice.js'
import { count } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { SearchField } from '../components/search-field.js'
import { RuleItem } from './rule-item.js'
import {
  filterRules,
  type ListedRule,
  listRules,
  type RuleOrder,
  ruleId,
  sortByIds,
  sortRules,
} from './rule-list.js'

const MAX_COLLAPSED = 15

/** Lists the rules with their usage and decisions. */
export function Rules({
  status,
  onAction,
  onClient,
}: {
  readonly status: Status
  readonly onAction: ActionHandler | undefined
  readonly onClient: (client: string) => void
}) {
  const [order, setOrder] = useState<RuleOrder>('usage')
  const [text, setText] = useState('')
  const [showAll, setShowAll] = useState(false)
  const rules = useMemo(() => listRules(status.routes), [status])
  const { sorted, open, onToggle } = useStableOrder(rules, order)
  const found = useMemo(() => filterRules(sorted, text), [sorted, text])
  return (
    <Panel
      id="rules"
      title="Rules"
      note={`usage of the client nearest to each limit; ${count(status.clientsTracked)} keys tracked`}
      tools={
        rules.length > 1 && (
          <div class="tools">
            <SearchField
              label="Filter rules by route, name or client"
              isLabelHidden
              placeholder="Filter rules"
              value={text}
              onInput={setText}
            />
            <Choice
              legend="Order of the rules"
              name="order"
              options={{ usage: 'Highest usage', file: 'File order' }}
              value={order}
              onChoose={setOrder}
            />
          </div>
        )
      }
    >
      {rules.length === 0 && (
        <Empty>
          The configuration has no limits. Rules appear here with the clients nearest to their limits.
        </Empty>
      )}
      {rules.length > 0 && found.length === 0 && <Empty>No rule matches “{text}”.</Empty>}
      <ul class="rules">
        {(showAll ? found : found.slice(0, MAX_COLLAPSED)).map((listed) => (
          <RuleItem
            key={ruleId(listed)}
            open={open.has(ruleId(listed))}
            onToggle={(open) => onToggle(ruleId(listed), open)}
            route={listed.route}
            shownRoute={listed.shownRoute}
            rule={listed.rule}
            onAction={onAction}
            onClient={onClient}
          />
        ))}
      </ul>
      {found.length > MAX_COLLAPSED && (
        <button type="button" class="more" onClick={() => setShowAll(!showAll)}>
          {showAll ? `Show the first ${MAX_COLLAPSED} rules` : `Show all ${found.length} rules`}
        </button>
      )}
    </Panel>
  )
}

/** Sorts the rules, but keeps their order while one is expanded. */
function useStableOrder(rules: readonly ListedRule[], order: RuleOrder) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set())
  const lastOrder = useRef<readonly string[]>([])
  const sorted = useMemo(() => {
    if (order === 'usage' && rules.some((rule) => open.has(ruleId(rule))))
      return sortByIds(rules, lastOrder.current)
    const sorted = sortRules(rules, order)
    lastOrder.current = sorted.map(ruleId)
    return sorted
  }, [rules, order, open])
  const onToggle = (id: string, isOpen: boolean) =>
    setOpen((before) => new Set(isOpen ? [...before, id] : [...before].filter((each) => each !== id)))
  return { sorted, open, onToggle }
}

import type { OptionError } from 'sluice'

const YAML_KEYS: Readonly<Record<string, string>> = {
  timeZone: 'time_zone',
  fallbackCost: 'fallback_cost',
  penaltyGrowth: 'penalty_growth',
  penaltyMax: 'penalty_max',
  firstToken: 'first_token',
}

const CAMEL_CASE = new RegExp(`\\b(${Object.keys(YAML_KEYS).join('|')})\\b`, 'g')

/** Returns the YAML key of a rule's option. */
export function yamlKeyOf(option: string): string {
  return YAML_KEYS[option] ?? option
}

/**
 * Formats an option error of the library for a configuration file, with keys spelled as in YAML.
 */
export function messageOf({ code, reason }: OptionError): string {
  switch (code) {
    case 'fixed_window_only':
      return "'align' and 'time_zone' require a fixed window; write algorithm: fixed-window"
    case 'calendar_only':
      return "'time_zone' requires calendar windows; write align: calendar"
    default:
      return reason.replace(CAMEL_CASE, yamlKeyOf)
  }
}

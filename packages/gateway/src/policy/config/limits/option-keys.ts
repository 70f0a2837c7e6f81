import type { OptionError } from 'sluice'

/** Translates errors about the library's options into the words of a configuration file. */

const YAML_KEYS: Readonly<Record<string, string>> = { timeZone: 'time_zone', fallbackCost: 'fallback_cost' }

/** The YAML key of an option of a rule. */
export function keyOf(option: string): string {
  return YAML_KEYS[option] ?? option
}

/** Says what is wrong. An error that names options whose YAML keys are spelled differently has its own sentence here. */
export function wordsOf({ code, reason }: OptionError): string {
  switch (code) {
    case 'fixed_window_only':
      return "'align' and 'time_zone' belong to a fixed-window; write algorithm: fixed-window"
    case 'calendar_only':
      return "'time_zone' goes with align: 'calendar'"
    default:
      return reason
  }
}

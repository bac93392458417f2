/** The effect of a rule on a call that it matches. */
export type FaultEffect =
  /** Answers with an error instead of doing anything. Bot API: `retryAfter` goes into `parameters`. */
  | { kind: 'error'; code: number; message: string; retryAfter?: number }
  /** Cuts the connection instead of doing anything. */
  | { kind: 'drop' }
  /** Does nothing and answers nothing; the connection stays open. */
  | { kind: 'silence' }
  /** Runs the method and answers nothing. */
  | { kind: 'lose-answer' }
  /** Runs the method, then cuts the connection. */
  | { kind: 'drop-after' }
  /** Delays the answer by so many milliseconds. */
  | { kind: 'latency'; ms: number }
  /**
   * Changes one bit of a file on its way: of the byte `at`, 0 by default, of the part that a call
   * brings or fetches, of the file that a call of the Bot API brings. Beyond the end it begins anew.
   */
  | { kind: 'flip-byte'; at?: number }
  /** Bot API: answers with an HTML page, like a failing proxy. */
  | { kind: 'html'; status: number }

export interface FaultRule {
  /** `upload.getFile`, `upload.*`, `*`; of the Bot API `bot:sendDocument`, `bot:file`, `bot:*`. */
  method: string
  effect: FaultEffect
  /** A label given to createAccount, or an account's id. */
  account?: string
  dcId?: number
  mediaOnly?: boolean
  /** The share of matching calls that are affected; 1 by default. Seeded, so that a run can be repeated. */
  probability?: number
  seed?: number
  /** The number of matching calls that pass first. */
  after?: number
  /** The number of calls that are affected at most. */
  times?: number
}

/** The call that rules are matched against. */
export interface FaultTarget {
  method: string
  accountId: number | null
  /** Called only for rules that name an account. */
  label: () => string | null
  dcId: number
  mediaOnly: boolean
}

/** Returns whether the rule's conditions hold for this call; its counts are not looked at. */
export function concerns(rule: FaultRule, target: FaultTarget): boolean {
  return (
    methodMatches(rule.method, target.method) &&
    (rule.account === undefined ||
      rule.account === String(target.accountId) ||
      rule.account === target.label()) &&
    (rule.dcId === undefined || rule.dcId === target.dcId) &&
    (rule.mediaOnly === undefined || rule.mediaOnly === target.mediaOnly)
  )
}

function methodMatches(pattern: string, method: string): boolean {
  if (pattern === '*') return !method.startsWith('bot:')
  return pattern.endsWith('*') ? method.startsWith(pattern.slice(0, -1)) : pattern === method
}
